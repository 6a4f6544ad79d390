"""Reordering of voxels between grids that differ only in the order and sense of their axes."""

from dataclasses import dataclass

import numpy as np

from hepareg.arrays import VoxelArray
from hepareg.geometry import Grid
from hepareg.volume import Volume

__all__ = ["AxisOrder", "axis_order", "reorder"]


@dataclass(frozen=True)
class AxisOrder:
    """How the axes of one array become those of another: transpose first, reverse afterwards.

    Parameters
    ----------
    permutation
        ``permutation[a]`` is the axis of the old array that becomes axis ``a``.
    reverse
        Whether axis ``a`` of the result runs the other way.
    """

    permutation: tuple[int, ...]
    reverse: tuple[bool, ...]

    def apply(self, data: VoxelArray) -> VoxelArray:
        """Return a view of the array with its axes reordered."""
        if not isinstance(data, np.ndarray):  # a tensor: it has no view the other way round
            turned, back = data.permute(self.permutation), [axis for axis, back in enumerate(self.reverse) if back]
            return turned.flip(back) if back else turned  # to flip along no axis would be a copy too
        ranges = tuple(slice(None, None, -1 if back else None) for back in self.reverse)
        return data.transpose(self.permutation)[ranges]


def axis_order(grid: Grid, onto: Grid, *, tolerance_vox: float = 0.01) -> AxisOrder | None:
    """Return how to reorder an array on ``grid`` so that it lies on ``onto``, or None where that is impossible.

    It is possible where both grids have the same voxel centres, to ``tolerance_vox`` of a voxel.
    """
    linear = (onto.voxel_from_world @ grid.world_from_voxel)[:3, :3]
    permutation = tuple(int(n) for n in np.argmax(np.abs(linear), axis=1))
    if sorted(permutation) != [0, 1, 2] or tuple(grid.shape[n] for n in permutation) != onto.shape:
        return None
    order = AxisOrder(permutation, tuple(bool(linear[a, n] < 0) for a, n in enumerate(permutation)))
    return order if reordered_grid(grid, order).same_as(onto, tolerance_vox=tolerance_vox) else None


def reordered_grid(grid: Grid, order: AxisOrder) -> Grid:
    """Return the grid of an array after ``order.apply``: the same centres in another order."""
    matrix = np.eye(4)
    matrix[:, 3] = grid.world_from_voxel[:, 3]
    for a, (n, back) in enumerate(zip(order.permutation, order.reverse, strict=True)):
        step = grid.world_from_voxel[:3, n]
        matrix[:3, a] = -step if back else step
        if back:
            matrix[:3, 3] += step * (grid.shape[n] - 1)
    shape = tuple(grid.shape[n] for n in order.permutation)
    return Grid((shape[0], shape[1], shape[2]), matrix)


def reorder(volume: Volume, *, onto: Grid) -> Volume | None:
    """Return a view of the volume on the grid ``onto``, or None where the voxel centres differ."""
    order = axis_order(volume.grid, onto)
    return None if order is None else Volume(order.apply(volume.data), onto, volume.phase, volume.provenance)
