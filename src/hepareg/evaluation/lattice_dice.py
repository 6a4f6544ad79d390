"""Dice overlap of two masks from a lattice of points: as good as from all voxels, in a fraction of the time."""

import numpy as np
import torch
from torch import Tensor

from hepareg.arrays import Matrix
from hepareg.errors import MaskError
from hepareg.evaluation.dice import HALF
from hepareg.geometry.boxes import VoxelBox, box_around_points
from hepareg.transforms import AffineTransform
from hepareg.volume import Volume
from hepareg.voxel_tensor import voxel_tensor

__all__ = ["dice_on_lattice"]

LATTICE_MM = 3.0


def dice_on_lattice(
    *, moving_mask: Volume, fixed_mask: Volume, moving_from_fixed: AffineTransform, spacing_mm: float = LATTICE_MM
) -> float:
    """Return what `hepareg.evaluation.dice.dice_after` does, from every n-th voxel of the fixed grid only.

    A liver's Dice to about 0.002. The work is done where the masks are.

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
    positions = _positions(matrix, window, fixed.device)
    last = torch.tensor(moving_mask.shape, device=fixed.device)[:, None] - 1 + HALF
    both_see = ((positions >= -HALF) & (positions <= last)).all(dim=0)
    pulled = _inside(moving_mask, positions) & both_see
    counts = torch.stack([fixed & both_see, pulled, pulled & fixed]).sum(dim=1).tolist()
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


def _positions(voxel_from_voxel: Matrix, window: tuple[slice, ...], device: torch.device) -> Tensor:
    """Return (3, P) float32 moving voxel positions of a lattice of the fixed grid."""
    matrix = torch.from_numpy(voxel_from_voxel.copy()).to(device)
    positions = matrix[:3, 3].reshape(3, 1, 1, 1)
    for axis, part in enumerate(window):
        along = torch.arange(part.start, part.stop, part.step, device=device, dtype=torch.float64)
        positions = positions + matrix[:3, axis].reshape(3, 1, 1, 1) * along.reshape(
            [-1 if a == axis else 1 for a in range(3)]
        )
    return positions.flatten(1).float()


def _inside(mask: Volume, positions: Tensor) -> Tensor:
    """Return (P,) whether the voxels nearest to (3, P) positions belong to a mask."""
    if not mask.profile.total:
        return torch.zeros(positions.shape[1], dtype=torch.bool, device=positions.device)
    start, stop = mask.profile.box
    part = voxel_tensor(mask.crop(start, stop).data)
    first = torch.from_numpy(start).to(positions)[:, None]
    last = torch.tensor(part.shape, device=positions.device)[:, None] - 1
    nearest = (positions - first).round_().long()
    inside = ((nearest >= 0) & (nearest <= last)).all(dim=0)
    i, j, k = nearest.clamp_(min=torch.zeros_like(last), max=last)
    return inside & (part[i, j, k] != 0)
