"""Whether a mask is in one piece."""

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from hepareg.arrays import VoxelArray
from hepareg.geometry.profile import mask_profile

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["hangs_together"]

ROUNDS = 48
"""Steps on a device before it is asked whether anything is left to reach."""


def hangs_together(mask: "VoxelArray | Tensor") -> bool:
    """Return whether all voxels of an (I, J, K) bool mask are connected by faces, edges or corners; none are.

    On a device, a front spreads from a voxel in the middle until it comes no farther: no labels are needed for this
    answer.
    """
    if isinstance(mask, np.ndarray):
        return bool(ndimage.label(mask, structure=np.ones((3, 3, 3)))[1] <= 1)
    import torch

    inside = mask.contiguous()
    profile = mask_profile(inside)
    total, centre = profile.total, profile.centroid_vox
    if not total:
        return True
    away = [(torch.arange(n, device=mask.device) - c).square() for n, c in zip(mask.shape, centre, strict=True)]
    seed = torch.where(inside, away[0][:, None, None] + away[1][:, None] + away[2], torch.inf).argmin()
    allowed = inside.half()[None, None]
    reached = torch.zeros_like(allowed)
    reached.view(-1)[seed] = 1
    before, now = 0, 1
    while now not in (before, total):
        for _ in range(ROUNDS):
            reached = torch.nn.functional.max_pool3d(reached, 3, stride=1, padding=1) * allowed
        before, now = now, int(reached.count_nonzero())
    return now == total
