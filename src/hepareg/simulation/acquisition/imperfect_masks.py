"""Imperfect masks: a smooth error of the boundary, as masks of people and networks have."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from hepareg.geometry import Grid
from hepareg.simulation.interpolation import sample_affine
from hepareg.simulation.organ_space import OrganSpace
from hepareg.simulation.shapes import smooth_noise

__all__ = ["disturb_mask"]

WAVELENGTH_MM = 30.0
"""Distance along the surface over which the error varies."""


def disturb_mask(mask: NDArray[np.uint8], grid: Grid, *, error_mm: float, rng: Generator) -> NDArray[np.uint8]:
    """Return the mask with its surface shifted by smooth random distances of root mean square ``error_mm``.

    The surface is represented on a coarse grid of 3 mm, so that even an error of 0 smooths it a little: do not call
    this for a mask that is to stay perfect.
    """
    space = OrganSpace(mask.view(bool), grid)
    step = float(space.grid.spacing_mm[0])
    outside = ndimage.distance_transform_edt(~space.inside, sampling=step)
    distance = np.where(space.inside, step / 2 - space.depth_mm, outside - step / 2).astype(np.float32)
    distance = ndimage.gaussian_filter(distance, 0.7)
    shift = error_mm * smooth_noise(space.grid.shape, scale_vox=WAVELENGTH_MM / step / 2, rng=rng)
    matrix = space.grid.voxel_from_world @ grid.world_from_voxel
    return (sample_affine(distance - shift, matrix, grid.shape, outside=100.0) < 0).astype(np.uint8)
