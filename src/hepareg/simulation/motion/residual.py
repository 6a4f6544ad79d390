"""The displacement that remains of a bending liver's motion after its best rigid fit."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.geometry import Grid
from hepareg.simulation.motion.random_bend import BEND_SPACING_MM
from hepareg.simulation.organ_space import OrganSpace, coarse_grid_around
from hepareg.transforms import RigidTransform

__all__ = ["ResidualField", "residual_field"]


@dataclass(frozen=True, eq=False)
class ResidualField:
    """Remaining displacement in the moving world, forward(x) - truth(x), at points x of the fixed world.

    Parameters
    ----------
    grid
        Coarse grid in the fixed world.
    displacement_mm
        (3, I, J, K) float32: components along world x, y and z in mm.
    inside
        (I, J, K) bool: nodes within the liver that have a true place.
    """

    grid: Grid
    displacement_mm: NDArray[np.float32]
    inside: NDArray[np.bool_]

    @property
    def rms_mm(self) -> float:
        """Root mean square over the liver in mm: the error of the best rigid transform."""
        return float(np.sqrt((self.displacement_mm[:, self.inside] ** 2).sum(0).mean()))


def residual_field(
    forward: Callable[[Points], tuple[Points, NDArray[np.bool_]]], truth: RigidTransform, space: OrganSpace
) -> ResidualField:
    """Return the displacement that the rigid truth does not explain.

    Parameters
    ----------
    forward
        Function from (N, 3) points of the fixed liver to their true places in the moving world, and whether each has
        one.
    truth
        moving_from_fixed: the best rigid fit.
    space
        The fixed liver.
    """
    grid = coarse_grid_around(space.points, spacing_mm=BEND_SPACING_MM, margin_mm=BEND_SPACING_MM)
    nodes = grid.world_points(np.moveaxis(np.indices(grid.shape), 0, -1).reshape(-1, 3))
    places, known = forward(nodes)
    rest = np.where(known[:, None], places - truth.apply(nodes), 0.0)
    inside = known & space.inside[tuple(space.grid.nearest_voxels(nodes).T)]
    return ResidualField(grid, rest.T.reshape(3, *grid.shape).astype(np.float32), inside.reshape(grid.shape))
