"""Folding: penalises small and negative Jacobian determinants of a deformation."""

import torch
from torch import Tensor

from hepareg.regularisation.averaging import masked_mean, single_or_double
from hepareg.transforms.displacement import jacobian_determinant

__all__ = ["folding_penalty"]


def folding_penalty(
    displacement: Tensor, world_from_voxel: Tensor, mask: Tensor | None = None, *, smallest: float = 0.1
) -> Tensor:
    """Return the mean squared shortfall of the Jacobian determinant below ``smallest``.

    Parameters
    ----------
    displacement
        (B, 3, I, J, K) u(x), world mm.
    world_from_voxel
        (4, 4) or (B, 4, 4) matrix of the displacement's grid.
    mask
        (B, 1, I, J, K) weights or bool; None counts every voxel.
    smallest
        Smallest Jacobian determinant (1: volume kept, 0: folded) without a penalty. Above 0 the penalty
        acts before anything folds.

    Returns
    -------
    Tensor
        (B,), without unit, in [0, inf); 0 if every determinant is at least ``smallest``. NaN under an
        empty mask.

    Notes
    -----
    Support: 1 voxel from the mask.
    """
    with torch.autocast(displacement.device.type, enabled=False):
        determinant = jacobian_determinant(single_or_double(displacement), world_from_voxel)
        return masked_mean((smallest - determinant).clamp_min(0).square(), mask)
