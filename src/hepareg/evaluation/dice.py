"""Dice overlap of two masks, also of one that a transform moves onto the other's grid."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from hepareg.arrays import Matrix, VoxelArray
from hepareg.errors import MaskError
from hepareg.geometry import Grid
from hepareg.geometry.boxes import VoxelBox, bounding_box, box_around_points
from hepareg.transforms import AffineTransform
from hepareg.transforms.resample import resample
from hepareg.transforms.trilinear import trilinear_corners
from hepareg.volume import Volume

__all__ = ["dice", "dice_after", "dice_on_lattice"]

LATTICE_MM = 3.0

ROUNDING = 1e-6


def dice(first: VoxelArray, second: VoxelArray) -> float:
    """Return 2 |A and B| / (|A| + |B|) of two masks on one grid, in [0, 1]; 1 is perfect.

    Parameters
    ----------
    first, second
        Arrays of one shape; non-zero is inside.

    Raises
    ------
    MaskError
        If the shapes differ or both masks are empty (the overlap of nothing is not defined).

    References
    ----------
    Dice LR. Measures of the amount of ecologic association between species. Ecology 26(3), 1945.
    doi:10.2307/1932409

    Examples
    --------
    >>> dice(np.array([1, 1, 0, 0]), np.array([0, 1, 1, 0]))
    0.5
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if a.shape != b.shape:
        raise MaskError(f"expected two masks of one shape, got {a.shape} and {b.shape}; resample one of them first")
    total = np.count_nonzero(a) + np.count_nonzero(b)
    if total == 0:
        raise MaskError("expected a mask with at least one voxel, got two empty ones")
    return float(2 * np.count_nonzero(a & b) / total)


def dice_after(*, moving_mask: Volume, fixed_mask: Volume, moving_from_fixed: AffineTransform) -> float:
    """Return the Dice of the fixed mask and of the moving mask pulled onto the fixed grid.

    The moving mask is interpolated linearly and cut at one half, which follows its surface better
    than the nearest voxel does where the two grids differ. What lies outside of either grid is not
    counted: a liver cut off by the border of either image is compared where both see it.

    Raises
    ------
    MaskError
        If both masks are empty.
    """
    fixed_mask = _seen_by(moving_mask.grid, fixed_mask, moving_from_fixed)
    total, overlap = int(np.count_nonzero(fixed_mask.data)), 0
    region = _reach(moving_mask, fixed_mask.grid, moving_from_fixed)
    if region is not None:
        part, box = region
        inside = part.with_data((part.data != 0).astype(np.float32))
        pulled = (
            resample(inside, fixed_mask.grid.crop(*box), moving_from_fixed=moving_from_fixed, padding=0.0).data > 0.5
        )
        total += int(np.count_nonzero(pulled))
        overlap = int(np.count_nonzero(pulled & (fixed_mask.crop(*box).data != 0)))
    return _share(overlap, total, moving_mask, fixed_mask)


def _share(overlap: int, total: int, moving_mask: Volume, fixed_mask: Volume) -> float:
    """Return 2 overlap / total, and 0 where both images see nothing of either mask."""
    if total == 0 and not (fixed_mask.data.any() or moving_mask.data.any()):
        raise MaskError("expected a mask with at least one voxel, got two empty ones")
    return 2.0 * overlap / max(total, 1)


def _seen_by(grid: Grid, mask: Volume, grid_from_mask: AffineTransform) -> Volume:
    """Return the mask without the voxels that a transform takes out of the hull of a grid's voxel centres."""
    if not mask.data.any():
        return mask
    box = bounding_box(mask.data)
    part = mask.crop(*box)
    matrix = grid.voxel_from_world @ grid_from_mask.matrix @ part.grid.world_from_voxel
    places = grid.voxel_points(grid_from_mask.apply(part.grid.corners_mm))
    first, last = -ROUNDING, np.array(grid.shape) - 1 + ROUNDING
    crossed = np.flatnonzero((places.min(axis=0) < first) | (places.max(axis=0) > last))
    if not len(crossed):
        return mask
    inside = np.array(part.data != 0)
    for axis in crossed:
        i, j, k = (matrix[axis, a] * np.arange(n) for a, n in enumerate(part.shape))
        place = (i[:, None] + (j + matrix[axis, 3]))[:, :, None] + k
        inside &= (place >= first) & (place <= last[axis])
    seen = np.zeros(mask.shape, dtype=bool)
    seen[tuple(slice(a, b) for a, b in zip(*box, strict=True))] = inside
    return mask.with_data(seen)


def dice_on_lattice(
    *, moving_mask: Volume, fixed_mask: Volume, moving_from_fixed: AffineTransform, spacing_mm: float = LATTICE_MM
) -> float:
    """Return what `dice_after` does from every n-th voxel of the fixed grid only: a liver's to about 0.002, and faster.

    Parameters
    ----------
    moving_mask, fixed_mask
        bool or labels; non-zero is inside.
    moving_from_fixed
        Map of world points.
    spacing_mm
        The lattice is about this fine along each axis, or as fine as the fixed grid where that is coarser.

    Raises
    ------
    MaskError
        If both masks are empty.
    """
    steps = np.maximum(np.rint(spacing_mm / fixed_mask.grid.spacing_mm).astype(int), 1)
    thin = tuple(slice(None, None, int(step)) for step in steps)
    inside = fixed_mask.grid.world_points(steps * np.argwhere(fixed_mask.data[thin]))
    seen_by_both = moving_mask.grid.contains(moving_from_fixed.apply(inside)) if len(inside) else np.zeros(0)
    total, overlap = int(np.count_nonzero(seen_by_both)), 0
    region = _reach(moving_mask, fixed_mask.grid, moving_from_fixed)
    if region is not None:
        part, (start, stop) = region
        start = -(-start // steps) * steps  # the lattice stays where it is, whatever the box
        window = tuple(slice(int(a), int(b), int(n)) for a, b, n in zip(start, stop, steps, strict=True))
        seen = fixed_mask.data[window] != 0
        voxel_from_voxel = part.grid.voxel_from_world @ moving_from_fixed.matrix @ fixed_mask.grid.world_from_voxel
        lattice = [a + n * np.arange(size) for a, n, size in zip(start, steps, seen.shape, strict=True)]
        pulled = _above_half(part.data, voxel_from_voxel, lattice).reshape(seen.shape)
        total += int(np.count_nonzero(pulled))
        overlap = int(np.count_nonzero(pulled & seen))
    return _share(overlap, total, moving_mask, fixed_mask)


def _above_half(mask: VoxelArray, voxel_from_voxel: Matrix, lattice: Sequence[NDArray[np.int_]]) -> NDArray[np.bool_]:
    """Return where a mask, interpolated linearly, is above one half: at all points of a lattice of another grid."""
    positions = voxel_from_voxel[:3, 3].reshape(3, 1, 1, 1)
    for axis, places in enumerate(lattice):
        along = np.expand_dims(places, tuple(a for a in range(3) if a != axis))
        positions = positions + voxel_from_voxel[:3, axis].reshape(3, 1, 1, 1) * along
    flat = torch.from_numpy(positions.reshape(3, 1, -1).astype(np.float32))
    # Read in the memory order of the mask, which `trilinear_corners` wants with the last axis fastest.
    order = np.argsort([-abs(stride) for stride in mask.strides], kind="stable")
    ordered = np.ascontiguousarray(mask.transpose(order) != 0).view(np.uint8)
    rows, weights, _ = trilinear_corners(flat[torch.from_numpy(order)], ordered.shape)
    values = torch.from_numpy(ordered).flatten()[rows.flatten()].reshape(rows.shape)
    size = torch.tensor(mask.shape)[:, None]
    within = ((flat[:, 0] >= -0.5) & (flat[:, 0] <= size - 0.5)).all(dim=0)  # to the outer faces of the border voxels
    return (((values * weights).sum(dim=1) > 0.5) & within).numpy()


def _reach(mask: Volume, grid: Grid, moving_from_fixed: AffineTransform) -> tuple[Volume, VoxelBox] | None:
    """Return the part of a mask that is not empty, and the box of ``grid`` that it can reach."""
    if not mask.data.any():
        return None
    part = mask.crop(*bounding_box(mask.data, margin_vox=1))
    corners = moving_from_fixed.inverse().apply(part.grid.corners_mm)
    box = box_around_points(grid, corners, margin_mm=float(part.grid.spacing_mm.max()))
    return None if box is None else (part, box)
