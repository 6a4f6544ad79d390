"""Reordering of voxels between grids that differ only in the order and the direction of their axes."""

from dataclasses import dataclass

import numpy as np

from hepareg.arrays import VoxelArray
from hepareg.geometry import Grid
from hepareg.volume import Volume

__all__ = ["AxisOrder", "axis_order", "reorder"]


@dataclass(frozen=True)
class AxisOrder:
    """A permutation of an array's axes, followed by the reversal of some of them.

    Parameters
    ----------
    permutation
        ``permutation[a]`` is the old axis that becomes the new axis ``a``.
    reverse
        ``reverse[a]`` is True if the new axis ``a`` is reversed.
    """

    permutation: tuple[int, ...]
    reverse: tuple[bool, ...]

    def apply(self, data: VoxelArray) -> VoxelArray:
        """Return the array with its axes reordered: a view, but a copy of a tensor with a reversed axis."""
        if not isinstance(data, np.ndarray):  # a tensor, which has no views with negative strides
            permuted, reversed_axes = data.permute(self.permutation), [a for a, back in enumerate(self.reverse) if back]
            return permuted.flip(reversed_axes) if reversed_axes else permuted  # flip copies even along no axis
        ranges = tuple(slice(None, None, -1 if back else None) for back in self.reverse)
        return data.transpose(self.permutation)[ranges]


def axis_order(grid: Grid, onto: Grid, *, tolerance_vox: float = 0.01) -> AxisOrder | None:
    """Return the reordering of an array on ``grid`` that puts it on the grid ``onto``, or None if there is none.

    There is one if both grids have the same voxel centres, to ``tolerance_vox`` voxels.
    """
    linear = (onto.voxel_from_world @ grid.world_from_voxel)[:3, :3]
    permutation = tuple(int(n) for n in np.argmax(np.abs(linear), axis=1))
    if sorted(permutation) != [0, 1, 2] or tuple(grid.shape[n] for n in permutation) != onto.shape:
        return None
    order = AxisOrder(permutation, tuple(bool(linear[a, n] < 0) for a, n in enumerate(permutation)))
    return order if reordered_grid(grid, order).same_as(onto, tolerance_vox=tolerance_vox) else None


def reordered_grid(grid: Grid, order: AxisOrder) -> Grid:
    """Return the grid of an array after ``order.apply``: the same voxel centres in another order."""
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
    """Return the volume with its voxels reordered onto the grid ``onto``, or None if the voxel centres differ."""
    order = axis_order(volume.grid, onto)
    return None if order is None else Volume(order.apply(volume.data), onto, volume.phase, volume.provenance)
