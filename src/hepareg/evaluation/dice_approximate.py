"""Dice overlap of two masks, approximated on a lattice of points in a fraction of the time."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from hepareg.errors import MaskError
from hepareg.evaluation.dice import HALF
from hepareg.geometry.boxes import VoxelBox, box_around_points
from hepareg.transforms import AffineTransform
from hepareg.transforms.lattice import mapped_lattice
from hepareg.volume import Volume
from hepareg.voxel_tensor import voxel_tensor

__all__ = ["dice_approximate"]

LATTICE_MM = 4.0
"""Distance between the points of the lattice, if the caller does not choose one."""


def dice_approximate(
    *, moving_mask: Volume, fixed_mask: Volume, moving_from_fixed: AffineTransform, spacing_mm: float = LATTICE_MM
) -> float:
    """Return the Dice of `hepareg.evaluation.dice.dice_after`, approximated on every n-th voxel of the fixed grid.

    For masks of a liver the difference from the exact Dice is about 0.005, at most 0.01. Only the part of the grid
    around the masks is visited.

    Parameters
    ----------
    moving_mask, fixed_mask
        Masks or labels; non-zero is inside.
    moving_from_fixed
        Map of world points.
    spacing_mm
        Approximate distance between the points of the lattice along each axis; the spacing of the fixed grid if
        that is coarser.

    Raises
    ------
    MaskError
        If both masks are empty.
    """
    masks = fixed_mask, moving_mask
    if not any(mask.profile.total for mask in masks):
        raise MaskError("expected a mask with at least one voxel, got two empty ones")
    steps = np.maximum(np.rint(spacing_mm / fixed_mask.grid.spacing_mm).astype(int), 1)
    box = _box_of_both(moving_mask, fixed_mask, moving_from_fixed)
    if box is None:
        return 0.0
    start = -(-box[0] // steps) * steps  # the lattice does not depend on the box
    if (start >= box[1]).any():
        return 0.0  # the box is too small to contain a point of the lattice
    window = tuple(slice(int(a), int(b), int(n)) for a, b, n in zip(start, box[1], steps, strict=True))
    fixed = (voxel_tensor(fixed_mask.data)[window] != 0).flatten()
    matrix = moving_mask.grid.voxel_from_world @ moving_from_fixed.matrix @ fixed_mask.grid.world_from_voxel
    lattice = [np.arange(part.start, part.stop, part.step) for part in window]
    positions = mapped_lattice(matrix, lattice, device=fixed.device, dtype=torch.float32).flatten(1)
    both_see = _within(positions, [-HALF] * 3, [n - 1 + HALF for n in moving_mask.shape])
    warped = _inside(moving_mask, positions) & both_see
    fixed &= both_see
    counts = torch.stack([fixed, warped, warped & fixed]).sum(dim=1).tolist()
    return 2.0 * counts[2] / max(counts[0] + counts[1], 1)


def _box_of_both(moving_mask: Volume, fixed_mask: Volume, moving_from_fixed: AffineTransform) -> VoxelBox | None:
    """Return the box of the fixed grid that contains both masks, the moving one mapped to the fixed world."""
    boxes = [fixed_mask.profile.box] if fixed_mask.profile.total else []
    if moving_mask.profile.total:
        corners = moving_from_fixed.inverse().apply(moving_mask.grid.crop(*moving_mask.profile.box).corners_mm)
        reached = box_around_points(fixed_mask.grid, corners, margin_mm=2 * float(moving_mask.grid.spacing_mm.max()))
        boxes += [] if reached is None else [reached]
    if not boxes:
        return None
    return np.min([box[0] for box in boxes], axis=0), np.max([box[1] for box in boxes], axis=0)


def _within(voxels: Tensor, first: Sequence[float], last: Sequence[float]) -> Tensor:
    """Return (P,) whether (3, P) voxels lie between a first and a last voxel, both included."""
    inside = [(n >= low) & (n <= high) for n, low, high in zip(voxels, first, last, strict=True)]
    return inside[0] & inside[1] & inside[2]


def _inside(mask: Volume, positions: Tensor) -> Tensor:
    """Return (P,) whether the voxel nearest to each of (3, P) positions belongs to a mask."""
    if not mask.profile.total:
        return torch.zeros_like(positions[0], dtype=torch.bool)
    start, stop = mask.profile.box
    data = voxel_tensor(mask.crop(start, stop).data)
    voxels = positions.round().int()
    inside = _within(voxels, start.tolist(), (stop - 1).tolist())
    place = torch.zeros_like(positions[0], dtype=torch.int64)
    for n, first, last, stride in zip(voxels, start.tolist(), stop.tolist(), data.stride(), strict=True):
        place += (n - first).clamp_(0, last - first - 1).long() * stride
    return inside & (data.as_strided((1 + _reach(data),), (1,))[place] != 0)


def _reach(data: Tensor) -> int:
    """Return the distance in memory between the first and the last element, in elements."""
    return sum((size - 1) * stride for size, stride in zip(data.shape, data.stride(), strict=True))
