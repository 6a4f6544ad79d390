"""Motion that remains after the pose, in two simple forms: a stretch of the whole liver, and a shift of each slab.

Both are fitted to the level on which poses were compared. There a part that moves otherwise keeps its voice: the finest
level follows a structure over a millimetre or two, and gives a cell that does not fit no weight.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.refinement.cell_observer import displace
from hepareg.refinement.level import Level
from hepareg.transforms import RigidTransform

__all__ = ["SimpleMotion", "simple_motion"]

Basis = Callable[[Points], NDArray[np.floating]]
"""Maps (N, 3) world points in mm to the (N, M) values of M functions."""

SLAB_MM = 20.0
"""Thickness of a slab: a cell of the level."""
MIN_SLAB_SHARE = 0.1
"""A slab with fewer cells than this share of the median slab's is left out."""
ARM_MM = 60.0
"""Distance from the centre at which a stretch is expressed in mm: about half of a liver's height."""
PRIOR_MM = 2.0
"""Standard deviation that is expected of a displacement: keeps what the images do not determine at 0."""
NOISE_FACTOR = 8.0
"""Number of neighbouring voxels whose residuals count as one independent observation."""
ITERATIONS = 3
MAX_STEP_MM = 4.0


@dataclass(frozen=True)
class SimpleMotion:
    """Motion of the liver that a pose leaves.

    Parameters
    ----------
    stretch_share
        Largest stretch or compression along any direction, as a share of the length.
    slab_shift_mm
        Root mean square over the cells of the shift of their slab in mm.
    """

    stretch_share: float
    slab_shift_mm: float


def simple_motion(level: Level, result: RigidTransform) -> SimpleMotion | None:
    """Return the stretch and the shifts of the slabs that remain after a pose, or None if a level has no cells.

    Slabs lie across the slice axis of the level's template, the image with the thicker slices or the reference.

    Parameters
    ----------
    level
        The level on which poses were compared.
    result
        The pose, searched_from_reference.
    """
    cells = level.images.cells
    if not cells.num_voxels:
        return None
    centre, grid = cells.centre_mm, level.images.template.grid
    axis = grid.world_from_voxel[:3, grid.superior_axis[0]]
    heights = (cells.corners_mm - centre) @ (axis / np.linalg.norm(axis))
    edges = np.arange(heights.min() - 1e-6, heights.max() + SLAB_MM, SLAB_MM)

    def affine(points: Points) -> NDArray[np.floating]:
        return np.column_stack([np.ones(len(points)), (points - centre) / ARM_MM])

    def slabs(points: Points) -> NDArray[np.floating]:
        number = np.digitize((points - centre) @ (axis / np.linalg.norm(axis)), edges[1:-1])
        return np.eye(len(edges) - 1)[number]

    gradient = _fit(level, result, affine)[1:].T / ARM_MM
    shifts = _fit(level, result, slabs)
    counts = np.histogram(heights, edges)[0]
    counts = np.where(counts >= MIN_SLAB_SHARE * np.median(counts[counts > 0]), counts, 0)
    return SimpleMotion(
        stretch_share=float(np.abs(np.linalg.eigvalsh((gradient + gradient.T) / 2)).max()),
        slab_shift_mm=float(np.sqrt(counts @ np.square(shifts).sum(axis=1) / counts.sum())),
    )


def _fit(level: Level, result: RigidTransform, basis: Basis) -> NDArray[np.floating]:
    """Return the (M, 3) coefficients in mm of the displacement before the pose that explains the images best.

    Gauss-Newton on the residual with every cell moved as a whole, and with a Gaussian prior of `PRIOR_MM`.
    """
    pose = level.direction.to_solver(result).matrix[None]
    cells = level.images.cells
    values = basis(cells.middles_mm + cells.centre_mm)
    count = values.shape[1]
    found, prior = np.zeros((count, 3)), np.eye(3 * count) / PRIOR_MM**2
    for _ in range(ITERATIONS):
        equations = displace(level.residual, values @ found).cell_equations(pose)
        noise = NOISE_FACTOR * float(equations.residual_variance)
        H = equations.hessian[0][:, 3:6, 3:6].double().cpu().numpy() / noise
        g = equations.gradient[0][:, 3:6].double().cpu().numpy() / noise
        weighted = (values[:, :, None, None] * H[:, None]).reshape(len(values), -1)  # (N, M 9)
        normal = (values.T @ weighted).reshape(count, count, 3, 3).transpose(0, 2, 1, 3).reshape(3 * count, 3 * count)
        step = np.linalg.solve(normal + prior, -(values.T @ g).ravel() - prior @ found.ravel()).reshape(count, 3)
        largest = float(np.abs(values @ step).max())
        found = found + step * min(1.0, MAX_STEP_MM / max(largest, 1e-9))
    return found
