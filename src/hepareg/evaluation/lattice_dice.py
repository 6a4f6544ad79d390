"""Dice overlap of two masks from a lattice of points: as good as from all voxels, in a fraction of the time."""

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

__all__ = ["dice_on_lattice"]

LATTICE_MM = 4.0


def dice_on_lattice(
    *, moving_mask: Volume, fixed_mask: Volume, moving_from_fixed: AffineTransform, spacing_mm: float = LATTICE_MM
) -> float:
    """Return what `hepareg.evaluation.dice.dice_after` does, from every n-th voxel of the fixed grid only.

    A liver's Dice to about 0.005, where the two masks are one apart to 0.01. The work is done where the masks are.

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
    masks = fixed_mask, moving_mask
    if not any(mask.profile.total for mask in masks):
        raise MaskError("expected a mask with at least one voxel, got two empty ones")
    steps = np.maximum(np.rint(spacing_mm / fixed_mask.grid.spacing_mm).astype(int), 1)
    box = _box_of_both(moving_mask, fixed_mask, moving_from_fixed)
    if box is None:
        return 0.0
    start = -(-box[0] // steps) * steps  # the lattice stays where it is, whatever the box
    if (start >= box[1]).any():
        return 0.0  # so small that the lattice has no point in it
    window = tuple(slice(int(a), int(b), int(n)) for a, b, n in zip(start, box[1], steps, strict=True))
    fixed = (voxel_tensor(fixed_mask.data)[window] != 0).flatten()
    matrix = moving_mask.grid.voxel_from_world @ moving_from_fixed.matrix @ fixed_mask.grid.world_from_voxel
    lattice = [np.arange(part.start, part.stop, part.step) for part in window]
    positions = mapped_lattice(matrix, lattice, device=fixed.device, dtype=torch.float32).flatten(1)
    both_see = _within(positions, [-HALF] * 3, [n - 1 + HALF for n in moving_mask.shape])
    pulled = _inside(moving_mask, positions) & both_see
    fixed &= both_see
    counts = torch.stack([fixed, pulled, pulled & fixed]).sum(dim=1).tolist()
    return 2.0 * counts[2] / max(counts[0] + counts[1], 1)


def _box_of_both(moving_mask: Volume, fixed_mask: Volume, moving_from_fixed: AffineTransform) -> VoxelBox | None:
    """Return the box of the fixed grid that holds the fixed mask and, carried over, the moving one."""
    boxes = [fixed_mask.profile.box] if fixed_mask.profile.total else []
    if moving_mask.profile.total:
        corners = moving_from_fixed.inverse().apply(moving_mask.grid.crop(*moving_mask.profile.box).corners_mm)
        reached = box_around_points(fixed_mask.grid, corners, margin_mm=2 * float(moving_mask.grid.spacing_mm.max()))
        boxes += [] if reached is None else [reached]
    if not boxes:
        return None
    return np.min([box[0] for box in boxes], axis=0), np.max([box[1] for box in boxes], axis=0)


def _within(voxels: Tensor, first: Sequence[float], last: Sequence[float]) -> Tensor:
    """Return (P,) whether (3, P) voxels lie between two, both included."""
    inside = [(n >= low) & (n <= high) for n, low, high in zip(voxels, first, last, strict=True)]
    return inside[0] & inside[1] & inside[2]


def _inside(mask: Volume, positions: Tensor) -> Tensor:
    """Return (P,) whether the voxels nearest to (3, P) positions belong to a mask."""
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
    """Return how far in memory the last element lies from the first."""
    return sum((size - 1) * stride for size, stride in zip(data.shape, data.stride(), strict=True))
