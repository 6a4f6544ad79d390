"""Mean squared displacement of the region by a linear map: favours predictions near the identity."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["identity_penalty"]


def identity_penalty(matrix: Tensor, world_from_voxel: Tensor, shape: Sequence[int]) -> Tensor:
    """Return the mean squared displacement of the region's points under a linear map, in mm^2.

    Rotation, translation, scale and shear each count by the displacement that they cause in the region.
    Unlike a norm of the parameters, the penalty does not depend on the origin of the world.

    Parameters
    ----------
    matrix
        (B, 4, 4) linear map of world points, mm.
    world_from_voxel
        (4, 4) or (B, 4, 4) of the region's grid.
    shape
        (I, J, K) of the region's grid.

    Returns
    -------
    Tensor
        (B,), float64, in [0, inf); 0 for the identity only.

    Notes
    -----
    In closed form over all voxel centres: with D = A - I, |D c|^2 + sum_v |D a_v|^2 (n_v^2 - 1) / 12,
    c the region's centre (homogeneous), a_v the step along voxel axis v and n_v its length.
    """
    W = world_from_voxel.double().expand(len(matrix), 4, 4)
    departure = matrix.double() - torch.eye(4, dtype=torch.float64, device=matrix.device)
    sizes = torch.tensor([float(n) for n in shape], dtype=torch.float64, device=matrix.device)
    centre = W[:, :, 3] + W[:, :, :3] @ ((sizes - 1) / 2)
    steps = (departure @ W)[:, :3, :3].square().sum(dim=1)
    return (departure @ centre[..., None])[:, :3, 0].square().sum(dim=1) + steps @ ((sizes.square() - 1) / 12)
