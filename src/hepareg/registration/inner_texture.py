"""The information about the pose that lies inside the liver: vessels and lesions, without the tissue around."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.template_cells import cut_cells
from hepareg.refinement.level import Level
from hepareg.refinement.solvers.normal_equations import apply_steps
from hepareg.transforms import RigidTransform

__all__ = ["TextureSettings", "texture_information"]


@dataclass(frozen=True)
class TextureSettings:
    """The part of the images that counts as texture of the liver.

    Parameters
    ----------
    inside_mm
        Cells this deep below the mask's surface lie inside the liver, even if the mask's outline is inaccurate.
    noise_factor
        Number of neighbouring voxels whose residuals count as one independent observation.
    decoy_mm
        Distance of the wrong poses at which the information in noise is measured.
    """

    inside_mm: float = 5.0
    noise_factor: float = 8.0
    decoy_mm: float = 8.0


def texture_information(
    level: Level, pose: RigidTransform, *, inside: GridImage, settings: TextureSettings
) -> NDArray[np.floating]:
    """Return the (6, 6) information, per mm^2, that the texture inside the liver has about a pose.

    Cells are cut from the inside of the liver alone. Their information is their Hessian, divided by the variance of one
    independent observation, times the share by which its trace exceeds the largest trace of twelve wrong poses: in
    noise the slope of a cell's intensity map is never quite zero, so that noise seems to inform about every pose.

    Parameters
    ----------
    level
        The finest level.
    pose
        sampled_from_template.
    inside
        Distance in mm to the inside of the liver, 0 there, in the template's world and on its device.
    settings
        Distance of the wrong poses, and number of voxels of one observation.
    """
    image, centre_mm = level.images.template, level.images.centre_mm
    cells = cut_cells(image, distance=inside, margin_mm=0.0, centre_mm=centre_mm, settings=level.settings.cells)
    if not cells.num_voxels:
        return np.zeros((6, 6))
    residual = level.residual.with_cells(cells)
    steps = np.vstack([np.zeros(6), np.eye(6), -np.eye(6)]) * settings.decoy_mm
    hessians = np.concatenate([residual(matrix[None]).hessian for matrix in apply_steps(pose.matrix, steps, centre_mm)])
    here, *elsewhere = np.trace(hessians, axis1=1, axis2=2)
    if not here > max(elsewhere):
        return np.zeros((6, 6))
    noise = settings.noise_factor * float(residual.cell_equations(pose.matrix[None]).residual_variance)
    return hessians[0] * ((1 - max(elsewhere) / here) / noise)
