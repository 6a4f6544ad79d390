"""The displacement that remains of a bending liver's motion after its best rigid fit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepareg.geometry import Grid
from hepareg.simulation.motion.motion import Motion
from hepareg.simulation.motion.random_bend import BEND_SPACING_MM
from hepareg.simulation.organ_space import OrganSpace, coarse_grid_around

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
        (I, J, K) bool: nodes within the liver.
    """

    grid: Grid
    displacement_mm: NDArray[np.float32]
    inside: NDArray[np.bool_]

    @property
    def rms_mm(self) -> float:
        """Root mean square over the liver in mm: the error of the best rigid transform."""
        return float(np.sqrt((self.displacement_mm[:, self.inside] ** 2).sum(0).mean()))


def residual_field(motion: Motion, space: OrganSpace) -> ResidualField | None:
    """Return the displacement that the rigid truth does not explain, or None if the liver moves rigidly."""
    if motion.bend is None:
        return None
    grid = coarse_grid_around(space.points, spacing_mm=BEND_SPACING_MM, margin_mm=BEND_SPACING_MM)
    nodes = grid.world_points(np.moveaxis(np.indices(grid.shape), 0, -1).reshape(-1, 3))
    rest = motion.forward(nodes) - motion.truth.apply(nodes)
    inside = space.inside[tuple(space.grid.nearest_voxels(nodes).T)].reshape(grid.shape)
    return ResidualField(grid, rest.T.reshape(3, *grid.shape).astype(np.float32), inside)
