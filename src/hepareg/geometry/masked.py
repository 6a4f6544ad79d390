"""Where the voxels of a mask lie in the world: their points, in portions, and their centroid."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Points, VoxelArray, slowest_first
from hepareg.errors import MaskError
from hepareg.geometry.grid import Grid
from hepareg.geometry.profile import mask_profile

__all__ = ["centroid_mm", "iterate_points_mm", "points_mm"]

PORTION_VOXELS = 1 << 22
"""Mask voxels looked at together: bounds the memory of points to about 100 MB, whatever the mask's size."""


def iterate_points_mm(mask: VoxelArray, grid: Grid) -> Iterator[Points]:
    """Yield the world points of all mask voxels' centres as (N, 3) arrays, one slab of the mask after the other.

    Parameters
    ----------
    mask
        (I, J, K) array; non-zero is inside.
    grid
        The mask's grid.

    Raises
    ------
    MaskError
        If the shapes differ or the mask has no voxel.
    """
    check_mask(mask, grid)
    # The axis of the largest stride is cut, so that each slab is one stretch of memory.
    axis = slowest_first(mask.strides)[0]
    slices_each = max(1, PORTION_VOXELS // max(1, mask.size // mask.shape[axis]))
    for first in range(0, mask.shape[axis], slices_each):
        window = [slice(None)] * 3
        window[axis] = slice(first, first + slices_each)
        voxels = np.stack(np.nonzero(mask[tuple(window)]), axis=-1)
        if len(voxels):
            voxels[:, axis] += first
            yield grid.world_points(voxels)


def points_mm(mask: VoxelArray, grid: Grid) -> Points:
    """Return the (N, 3) world points of all mask voxels' centres. See `iterate_points_mm` for large masks."""
    return np.concatenate(list(iterate_points_mm(mask, grid)))


def centroid_mm(mask: VoxelArray, grid: Grid) -> NDArray[np.floating]:
    """Return the (3,) world centroid of a mask's voxel centres; every voxel counts alike.

    Raises
    ------
    MaskError
        If the shapes differ or the mask has no voxel.
    """
    check_mask(mask, grid)
    return grid.world_points(mask_profile(mask).centroid_vox)


def check_mask(mask: VoxelArray, grid: Grid) -> None:
    """Check that a mask has the grid's shape and at least one voxel.

    Raises
    ------
    MaskError
        If it does not.
    """
    if mask.shape != grid.shape:
        raise MaskError(f"expected a mask of {grid.shape} voxels as its grid says, got {mask.shape}")
    if not mask.any():
        raise MaskError("expected a mask with at least one voxel, got an empty one; check the mask and its label")
