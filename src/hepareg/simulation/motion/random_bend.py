"""Random non-rigid deformation of the liver, called its *bend*: smooth, keeping volumes, without a rigid part."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from hepareg.arrays import Points
from hepareg.geometry import Grid
from hepareg.simulation.organ_space import OrganSpace, coarse_grid_around
from hepareg.transforms.fit import fit_rigid

__all__ = ["BEND_SPACING_MM", "BendField", "curl", "draw_bend"]

BEND_SPACING_MM = 6.0
MAX_ITERATIONS = 40
CONVERGED_MM = 1e-5
FOLDED_MM = 0.01


@dataclass(frozen=True, eq=False)
class BendField:
    """Displacement b(x) of liver points by the bend, in world mm.

    Parameters
    ----------
    grid
        Coarse grid around the liver.
    displacement_mm
        (3, I, J, K) float64 at the grid's nodes; linear in between, and constant beyond the grid's border.
    """

    grid: Grid
    displacement_mm: NDArray[np.floating]

    def at(self, points: Points) -> Points:
        """Return the (N, 3) displacements in mm at (N, 3) points."""
        voxels = self.grid.voxel_points(points).T
        sampled = [ndimage.map_coordinates(part, voxels, order=1, mode="nearest") for part in self.displacement_mm]
        return np.stack(sampled, axis=-1)

    def undo(self, points: Points) -> Points:
        """Return the (N, 3) points x with x + b(x) = point: the inverse of the bend.

        Fixed-point iteration, which converges because the derivative of b is far below 1.
        """
        x = np.array(points, dtype=np.float64)
        for _ in range(MAX_ITERATIONS):
            before, x = x, points - self.at(x)
            if np.abs(x - before).max() < CONVERGED_MM:
                break
        return x

    def folds(self, points: Points) -> bool:
        """Return whether `undo` fails to bring some of (N, 3) bent points back, since tissue is folded or nearly so."""
        return float(np.abs(self.undo(points + self.at(points)) - points).max()) > FOLDED_MM


def draw_bend(space: OrganSpace, *, rms_mm: float, rng: Generator, scale_mm: float = 60.0) -> BendField:
    """Draw a smooth random bend without divergence, so that tissue keeps its volume.

    Parameters
    ----------
    space
        The liver.
    rms_mm
        Root mean square of the displacement over the liver. The best rigid fit of the bend is the identity, so that
        no rigid motion explains any of it.
    scale_mm
        Distance over which the displacement varies.
    """
    grid = coarse_grid_around(space.points, spacing_mm=BEND_SPACING_MM, margin_mm=20.0)
    white = rng.standard_normal((3, *grid.shape))
    smooth = np.stack(
        [ndimage.gaussian_filter(part, 0.5 * scale_mm / BEND_SPACING_MM, mode="nearest") for part in white]
    )
    flow = curl(smooth)
    field = BendField(grid, flow / flow.std() * rms_mm)
    points = space.points
    for _ in range(4):
        rigid = fit_rigid(points, points + field.at(points))
        nodes = grid.world_points(np.moveaxis(np.indices(grid.shape), 0, -1).reshape(-1, 3))
        rest = field.displacement_mm - (rigid.apply(nodes) - nodes).T.reshape(3, *grid.shape)
        field = BendField(grid, rest)
        rms = float(np.sqrt((field.at(points) ** 2).sum(1).mean()))
        field = BendField(grid, rest * (rms_mm / rms))
    return field


def curl(potential: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the curl of a (3, I, J, K) field, per voxel of its grid; a curl has no divergence."""

    def d(component: int, axis: int) -> NDArray[np.floating]:
        return np.gradient(potential[component], axis=axis)

    return np.stack([d(2, 1) - d(1, 2), d(0, 2) - d(2, 0), d(1, 0) - d(0, 1)])
