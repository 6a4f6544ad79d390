"""World points of a mask's voxels: all, all in portions, or a given number spread over the mask."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Points, VoxelArray, slowest_first
from hepareg.errors import MaskError
from hepareg.geometry.grid import Grid
from hepareg.geometry.profile import EMPTY_MASK, MaskProfile, mask_profile

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["iterate_points_mm", "points_mm", "spread_points_mm"]

PORTION_VOXELS = 1 << 22
"""Voxels of a mask that are searched together: limits the memory of their points to about 100 MB."""


def iterate_points_mm(mask: VoxelArray, grid: Grid) -> Iterator[Points]:
    """Yield the world points in mm of all mask voxels' centres as (N, 3) arrays, slab by slab.

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
    # Slabs are cut across the axis of the largest stride, so that each is contiguous in memory.
    axis = slowest_first(mask.strides)[0]
    slices_each = max(1, PORTION_VOXELS // max(1, mask.size // mask.shape[axis]))
    for first in range(0, mask.shape[axis], slices_each):
        window = [slice(None)] * 3
        window[axis] = slice(first, first + slices_each)
        voxels = np.stack(np.nonzero(mask[tuple(window)]), axis=-1)
        if len(voxels):
            voxels[:, axis] += first
            yield grid.world_points(voxels)


def spread_points_mm(
    mask: "VoxelArray | Tensor", grid: Grid, *, count: int, profile: MaskProfile | None = None
) -> Points:
    """Return world points spread evenly over a mask: centres of its voxels on a regular lattice.

    Parameters
    ----------
    mask
        (I, J, K) array, or tensor on any device; non-zero is inside.
    grid
        The mask's grid.
    count
        Approximate number of points. The lattice's step is a whole number of voxels, rounded down: there may be up to
        eight times as many points, and there are fewer if the mask has fewer voxels.
    profile
        The mask's profile if it has been counted already, or None.

    Returns
    -------
    (N, 3) world mm, N at least 1.

    Raises
    ------
    MaskError
        If the mask has no voxel.
    """
    profile = profile or mask_profile(mask)
    start, stop = profile.box
    step = max(1, int((profile.total / count) ** (1 / 3)))
    voxels = step * np.argwhere(_within(mask, start, stop, step))
    if not len(voxels):  # a mask so thin that no voxel of it lies on the lattice
        found = np.argwhere(_within(mask, start, stop, 1))
        voxels = found[np.linspace(0, len(found) - 1, min(count, len(found))).astype(int)]
    return grid.crop(start, stop).world_points(voxels)


def _within(
    mask: "VoxelArray | Tensor", start: NDArray[np.int_], stop: NDArray[np.int_], step: int
) -> NDArray[np.generic]:
    """Return every step-th voxel of a box of a mask as a NumPy array."""
    part = mask[tuple(slice(int(a), int(b), step) for a, b in zip(start, stop, strict=True))]
    return part if isinstance(part, np.ndarray) else part.cpu().numpy()


def points_mm(mask: VoxelArray, grid: Grid) -> Points:
    """Return the (N, 3) world points in mm of all mask voxels' centres; `iterate_points_mm` needs less memory."""
    return np.concatenate(list(iterate_points_mm(mask, grid)))


def check_mask(mask: VoxelArray, grid: Grid) -> None:
    """Check that a mask has the grid's shape and at least one voxel.

    Raises
    ------
    MaskError
        If the shape differs or the mask has no voxel.
    """
    if mask.shape != grid.shape:
        raise MaskError(f"expected a mask of {grid.shape} voxels as its grid says, got {mask.shape}")
    if not mask.any():
        raise MaskError(EMPTY_MASK)
