"""Exact Dice overlap of two masks, on one grid or related by a transform."""

import numpy as np

from hepareg.arrays import VoxelArray
from hepareg.errors import MaskError
from hepareg.geometry import Grid
from hepareg.geometry.boxes import VoxelBox, bounding_box, box_around_points
from hepareg.transforms import AffineTransform
from hepareg.transforms.resample import resample
from hepareg.volume import Volume

__all__ = ["dice", "dice_after"]

HALF = 0.5 + 1e-6
"""Distance in voxels from the centre of a border voxel to the outer face of the image, with room for rounding."""


def dice(first: VoxelArray, second: VoxelArray) -> float:
    """Return the Dice 2 |A and B| / (|A| + |B|) of two masks on one grid, in [0, 1]; 1 is perfect.

    Parameters
    ----------
    first, second
        Arrays of one shape; non-zero is inside.

    Raises
    ------
    MaskError
        If the shapes differ, or if both masks are empty: their Dice is not defined.

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
    """Return the Dice of the fixed mask and the moving mask resampled to the fixed grid, in [0, 1]; 1 is perfect.

    The moving mask is interpolated linearly and cut at one half, which follows its surface better than
    the nearest voxel does where the two grids differ. Voxels outside of either grid do not count: a liver
    that is cut off by the border of an image is compared where both images show it.

    Raises
    ------
    MaskError
        If both masks are empty.
    """
    fixed_mask = _inside_grid(moving_mask.grid, fixed_mask, moving_from_fixed)
    total, overlap = int(np.count_nonzero(fixed_mask.data)), 0
    region = _reach(moving_mask, fixed_mask.grid, moving_from_fixed)
    if region is not None:
        part, box = region
        inside = part.with_data((part.data != 0).astype(np.float32))
        warped = (
            resample(inside, fixed_mask.grid.crop(*box), moving_from_fixed=moving_from_fixed, padding=0.0).data > 0.5
        )
        total += int(np.count_nonzero(warped))
        overlap = int(np.count_nonzero(warped & (fixed_mask.crop(*box).data != 0)))
    return _share(overlap, total, moving_mask, fixed_mask)


def _share(overlap: int, total: int, moving_mask: Volume, fixed_mask: Volume) -> float:
    """Return 2 overlap / total, or 0 if neither mask lies inside both images."""
    if total == 0 and not (fixed_mask.data.any() or moving_mask.data.any()):
        raise MaskError("expected a mask with at least one voxel, got two empty ones")
    return 2.0 * overlap / max(total, 1)


def _inside_grid(grid: Grid, mask: Volume, grid_from_mask: AffineTransform) -> Volume:
    """Return the mask without the voxels whose centres ``grid_from_mask`` maps outside of a grid's voxels."""
    if not mask.data.any():
        return mask
    box = bounding_box(mask.data)
    part = mask.crop(*box)
    matrix = grid.voxel_from_world @ grid_from_mask.matrix @ part.grid.world_from_voxel
    places = grid.voxel_points(grid_from_mask.apply(part.grid.corners_mm))
    first, last = -HALF, np.array(grid.shape) - 1 + HALF
    crossed = np.flatnonzero((places.min(axis=0) < first) | (places.max(axis=0) > last))
    if not len(crossed):
        return mask
    inside = np.array(part.data != 0)
    for axis in crossed:
        i, j, k = (matrix[axis, a] * np.arange(n) for a, n in enumerate(part.shape))
        place = (i[:, None] + (j + matrix[axis, 3]))[:, :, None] + k
        inside &= (place >= first) & (place <= last[axis])
    kept = np.zeros(mask.shape, dtype=bool)
    kept[tuple(slice(a, b) for a, b in zip(*box, strict=True))] = inside
    return mask.with_data(kept)


def _reach(mask: Volume, grid: Grid, moving_from_fixed: AffineTransform) -> tuple[Volume, VoxelBox] | None:
    """Return a mask cropped to its non-zero voxels, and the box of ``grid`` that they can overlap under the transform.

    None if the mask is empty or does not overlap ``grid``.
    """
    if not mask.data.any():
        return None
    part = mask.crop(*bounding_box(mask.data, margin_vox=1))
    corners = moving_from_fixed.inverse().apply(part.grid.corners_mm)
    box = box_around_points(grid, corners, margin_mm=float(part.grid.spacing_mm.max()))
    return None if box is None else (part, box)
