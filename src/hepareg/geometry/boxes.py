"""Boxes of voxels: ranges, start inclusive and stop exclusive, as `Grid.crop` and `Volume.crop` take them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepareg.arrays import VoxelArray, slowest_first
from hepareg.errors import MaskError
from hepareg.geometry.grid import Grid
from hepareg.geometry.profile import EMPTY_MASK

__all__ = ["VoxelBox", "bounding_box", "box_around_points", "distances_outside_mm", "range_around_points"]

VoxelBox = tuple[NDArray[np.int_], NDArray[np.int_]]
"""(3,) start and (3,) stop."""


def bounding_box(mask: VoxelArray, *, margin_vox: ArrayLike = 0) -> VoxelBox:
    """Return the smallest box of voxels that holds a mask, enlarged by a margin and clipped to the array.

    Parameters
    ----------
    mask
        (I, J, K), non-zero inside.
    margin_vox
        Margin on every side in voxels, one number or three.

    Raises
    ------
    MaskError
        If the mask has no voxel.

    Examples
    --------
    >>> mask = np.zeros((5, 5, 5)); mask[1:3, 4, 2] = 1
    >>> bounding_box(mask)
    (array([1, 4, 2]), array([3, 5, 3]))
    """
    region = np.asarray(mask)
    start, stop = np.zeros(3, dtype=int), np.zeros(3, dtype=int)
    # Slices across the slowest axis are contiguous in memory. Joined along that axis they make one plane, in which the
    # other two axes are searched.
    slowest = slowest_first(region.strides)[0]
    slices = np.moveaxis(region, slowest, 0)
    start[slowest], stop[slowest] = _extent([part.any() for part in slices])
    plane = np.logical_or.reduce(slices[start[slowest] : stop[slowest]], axis=0)
    for across, axis in enumerate(a for a in range(3) if a != slowest):
        start[axis], stop[axis] = _extent(plane.any(axis=1 - across))
    margin = np.broadcast_to(np.asarray(margin_vox, dtype=int), 3)
    return np.maximum(start - margin, 0), np.minimum(stop + margin, np.asarray(mask).shape)


def _extent(hit: ArrayLike) -> tuple[int, int]:
    """Return the index of the first true value, and one after the index of the last."""
    found = np.flatnonzero(hit)
    if not len(found):
        raise MaskError(EMPTY_MASK)
    return int(found[0]), int(found[-1]) + 1


def box_around_points(
    grid: Grid, points_mm: ArrayLike, *, margin_mm: float = 0.0, margin_vox: int = 0
) -> VoxelBox | None:
    """Return the smallest box of a grid's voxels around world points, enlarged by margins and clipped to the grid.

    Parameters
    ----------
    grid
        Grid of the voxels.
    points_mm
        (N, 3) world mm; they may lie outside the grid.
    margin_mm, margin_vox
        Margins on every side, in mm and in voxels; both are added.

    Returns
    -------
    The box, or None if no voxel of the grid lies in it.
    """
    start, stop = range_around_points(grid, points_mm, margin_mm=margin_mm, margin_vox=margin_vox)
    start, stop = np.maximum(start, 0), np.minimum(stop, grid.shape)
    return (start, stop) if (start < stop).all() else None


def range_around_points(grid: Grid, points_mm: ArrayLike, *, margin_mm: float = 0.0, margin_vox: int = 0) -> VoxelBox:
    """Return the box of `box_around_points` before it is clipped to the grid.

    Unlike the clipped box it does not depend on how the image was cropped.
    """
    voxels = grid.voxel_points(np.asarray(points_mm, dtype=np.float64).reshape(-1, 3))
    margin = margin_mm / grid.spacing_mm + margin_vox
    # The millionth of a voxel absorbs rounding: coordinates in a cropped image differ in their last digit.
    return (
        np.floor(voxels.min(axis=0) - margin + 1e-6).astype(int),
        np.ceil(voxels.max(axis=0) + margin - 1e-6).astype(int) + 1,
    )


def distances_outside_mm(grid: Grid, points_mm: ArrayLike) -> NDArray[np.floating]:
    """Return the distance in mm of each of (N, 3) world points from the outer faces of a grid's voxels; 0 inside."""
    voxels = grid.voxel_points(points_mm)
    inside = np.clip(voxels, -0.5, np.array(grid.shape) - 0.5)
    distances = np.linalg.norm((voxels - inside) @ grid.world_from_voxel[:3, :3].T, axis=-1)
    return np.asarray(np.where(distances < 1e-6, 0.0, distances))
