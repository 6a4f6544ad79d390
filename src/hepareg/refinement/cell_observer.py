"""Observations of the displacement that remains after a pose, from the residual of a level."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.refinement.images.template_cells import sum_by_block
from hepareg.refinement.level import Level
from hepareg.refinement.local_affine import LocalAffine
from hepareg.transforms import RigidTransform

__all__ = ["CellObserver", "CellObserverSettings", "displace"]


@dataclass(frozen=True)
class CellObserverSettings:
    """Size of the blocks that are observed, and trust in them.

    Parameters
    ----------
    block_mm
        Edge of the blocks whose cells are moved together: far below the distance over which a displacement varies.
    noise_factor
        Number of neighbouring voxels whose residuals count as one independent observation.
    still_mm
        Displacements all below this are linearised at the pose, whose residual has been computed already.
    robust_below_mm
        Levels of a finer spacing down-weight large residuals. Coarser ones do not: there the part of the liver that
        deviates is what is looked for, and the robust weights would silence it.
    """

    block_mm: float = 15.0
    noise_factor: float = 8.0
    still_mm: float = 0.3
    robust_below_mm: float = 3.0


class CellObserver:
    """Observations of blocks of a level's cells, each block moved as a whole.

    Parameters
    ----------
    level
        One resolution of the refinement.
    pose
        searched_from_reference; it stays fixed.
    settings
        Size of the blocks, and trust.

    Notes
    -----
    If the level's template is the searched image, a block at y sees the displacement u of the reference point
    x = pose^-1 y as the displacement -R u, with R the rotation of the pose.
    """

    def __init__(self, level: Level, pose: RigidTransform, *, settings: CellObserverSettings) -> None:
        robust = level.settings.spacing_mm < settings.robust_below_mm
        self._residual = level.residual if robust else level.residual.without_robust_weights()
        self.settings = settings
        self._matrix = level.sampled_from_template([pose])
        exchanged = level.direction.exchanged
        self._turn = -pose.rotation if exchanged else np.eye(3)
        cells = self._residual.cells
        self._block = cells.blocks(settings.block_mm)
        middles = sum_by_block(cells.middles_mm, self._block) / np.bincount(self._block)[:, None] + cells.centre_mm
        self.points_mm: Points = pose.inverse().apply(middles) if exchanged else middles

    def observe(self, displacement_mm: Points) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return Hessians and gradients of the blocks (`smooth_field.Observer`)."""
        still = np.abs(displacement_mm).max(initial=0.0) < self.settings.still_mm
        shifts = displacement_mm @ self._turn.T
        residual = self._residual if still else displace(self._residual, shifts[self._block])
        found = residual.cell_equations(self._matrix)
        noise = self.settings.noise_factor * float(found.residual_variance)
        hessian = sum_by_block(found.hessian[0][:, 3:6, 3:6].double().cpu().numpy(), self._block) / noise
        gradient = sum_by_block(found.gradient[0][:, 3:6].double().cpu().numpy(), self._block) / noise
        if still:  # the gradient at the displacement, from that at the pose
            gradient = gradient + np.einsum("nij,nj->ni", hessian, shifts)
        return self._turn.T @ hessian @ self._turn, gradient @ self._turn

    def unexplained(self, displacement_mm: Points) -> float:
        """Return the share of the template's local variance that the pose with a displacement leaves unexplained."""
        residual = displace(self._residual, (displacement_mm @ self._turn.T)[self._block])
        return float(residual.unexplained(self._matrix)[0][0])


def displace(residual: LocalAffine, shifts_mm: Points) -> LocalAffine:
    """Return the residual with each of its N cells moved as a whole by a row of (N, 3) displacements."""
    offsets = residual.cells.offsets_mm
    shift = torch.as_tensor(shifts_mm, device=offsets.device).to(offsets.dtype)
    return residual.with_cells(replace(residual.cells, offsets_mm=offsets + shift[:, None]))
