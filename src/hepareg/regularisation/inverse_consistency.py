"""Inverse consistency: penalises predictions of the two directions that are not inverses of each other."""

from collections.abc import Sequence

import torch
from torch import Tensor

from hepareg.regularisation.averaging import masked_mean, single_or_double
from hepareg.regularisation.identity import identity_penalty
from hepareg.transforms.warp import warp

__all__ = ["displacement_inverse_consistency", "inverse_consistency_penalty", "rigid_inverse_consistency"]


def inverse_consistency_penalty(
    matrix: Tensor,
    backward_matrix: Tensor,
    world_from_voxel: Tensor,
    shape: Sequence[int],
    displacement: Tensor | None = None,
    backward_displacement: Tensor | None = None,
) -> Tensor:
    """Return the sum of the inverse-consistency penalties of the rigid and the deformable prediction, in mm^2.

    Parameters
    ----------
    matrix, backward_matrix
        (B, 4, 4) maps of world points, mm, predicted in the two directions.
    world_from_voxel
        (4, 4) or (B, 4, 4) of the region's grid.
    shape
        (I, J, K) of the region's grid.
    displacement, backward_displacement
        (B, 3, I, J, K) fields on that grid, world mm, predicted in the two directions; None without.

    Returns
    -------
    Tensor
        (B,), float64, in [0, inf); 0 if each prediction is the inverse of its counterpart.
    """
    penalty = rigid_inverse_consistency(matrix, backward_matrix, world_from_voxel, shape)
    if displacement is None or backward_displacement is None:
        return penalty
    return penalty + displacement_inverse_consistency(displacement, backward_displacement, world_from_voxel)


def rigid_inverse_consistency(
    moving_from_fixed: Tensor, fixed_from_moving: Tensor, world_from_voxel: Tensor, shape: Sequence[int]
) -> Tensor:
    """Return the mean squared distance in mm^2 between the region's points and their images there and back.

    Parameters
    ----------
    moving_from_fixed, fixed_from_moving
        (B, 4, 4) maps of world points, mm, predicted in the two directions.
    world_from_voxel
        (4, 4) or (B, 4, 4) of the fixed region's grid.
    shape
        (I, J, K) of that grid.

    Returns
    -------
    Tensor
        (B,), float64, in [0, inf); 0 if the two maps are inverses of each other.

    References
    ----------
    Christensen, G. E., Johnson, H. J. Consistent image registration. IEEE Trans. Med. Imaging 20,
    2001. doi:10.1109/42.932742
    """
    return identity_penalty(fixed_from_moving.double() @ moving_from_fixed.double(), world_from_voxel, shape)


def displacement_inverse_consistency(
    forward: Tensor, backward: Tensor, world_from_voxel: Tensor, mask: Tensor | None = None
) -> Tensor:
    """Return the mean squared length in mm^2 of u(x) + v(x + u(x)).

    Parameters
    ----------
    forward, backward
        (B, 3, I, J, K) u and v on one grid, world mm.
    world_from_voxel
        (4, 4) or (B, 4, 4) of that grid.
    mask
        (B, 1, I, J, K) weights or bool; None counts every voxel. Voxels that u carries out of the grid
        do not count, because v is not known there.

    Returns
    -------
    Tensor
        (B,), in [0, inf); 0 if the two fields are inverses of each other. NaN if no voxel counts.

    Notes
    -----
    Support: the length of u plus 1 voxel, from the mask.

    References
    ----------
    Christensen, G. E., Johnson, H. J. Consistent image registration. IEEE Trans. Med. Imaging 20,
    2001. doi:10.1109/42.932742
    """
    forward, backward = single_or_double(forward), single_or_double(backward)
    returned, valid = warp(
        backward,
        moving_world_from_voxel=world_from_voxel,
        fixed_world_from_voxel=world_from_voxel,
        fixed_shape=forward.shape[2:],
        displacement=forward,
    )
    counted = valid.to(forward.dtype)
    if mask is not None:
        counted = counted * mask.to(forward.dtype)
    residual = torch.where(valid, forward + returned, 0.0)
    return masked_mean(residual.square().sum(dim=1, keepdim=True), counted)
