"""Finite differences of tensors on a voxel grid, along voxel axes and along world axes."""

import torch
from torch import Tensor

__all__ = ["spatial_gradient", "voxel_gradient"]


def voxel_gradient(image: Tensor) -> Tensor:
    """Return the derivatives of a (B, C, I, J, K) tensor along i, j and k, per voxel, as (B, C, 3, I, J, K).

    Central differences inside, one-sided at the border; zero along an axis of one voxel.
    """
    return torch.stack([_along(image, axis) for axis in (2, 3, 4)], dim=2)


def spatial_gradient(image: Tensor, world_from_voxel: Tensor) -> Tensor:
    """Return the derivatives of a (B, C, I, J, K) tensor along world x, y and z, per mm, as (B, C, 3, I, J, K).

    Parameters
    ----------
    image
        (B, C, I, J, K), floating point.
    world_from_voxel
        (4, 4) or (B, 4, 4) matrix of the grid, which may be anisotropic, oblique or left-handed.

    Notes
    -----
    By the chain rule, df/dx = df/dv dv/dx, with dv/dx the inverse of the matrix's 3x3 block.
    """
    voxel_from_world = torch.linalg.inv(world_from_voxel[..., :3, :3].double()).to(image.dtype)
    voxel_from_world = voxel_from_world.expand(image.shape[0], 3, 3)
    return torch.einsum("bcvijk,bvw->bcwijk", voxel_gradient(image), voxel_from_world)


def _along(image: Tensor, axis: int) -> Tensor:
    size = image.shape[axis]
    if size == 1:
        return torch.zeros_like(image)
    first = image.narrow(axis, 1, 1) - image.narrow(axis, 0, 1)
    last = image.narrow(axis, size - 1, 1) - image.narrow(axis, size - 2, 1)
    inside = (image.narrow(axis, 2, size - 2) - image.narrow(axis, 0, size - 2)) / 2
    return torch.cat([first, inside, last], dim=axis)
