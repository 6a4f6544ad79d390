"""The coordinate frame of network outputs: millimetres along the voxel axes, origin at the region's centre.

A network sees an array without its place in the world. Its rigid motions are therefore expressed along the axes of
the array in mm, and carried into the world by the isometry of the grid. The same array then gives the same motion of
the anatomy whether the file was stored left- or right-handed, oblique or not, and a rotation stays a rotation whatever
the spacing.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from hepareg.errors import InputError
from hepareg.networks.polar import polar_rotation

__all__ = ["spacing_mm", "to_world", "world_from_region"]


def spacing_mm(world_from_voxel: Tensor) -> Tensor:
    """Return the spacing along i, j, k of (B, 4, 4) matrices: (B, 3), float64."""
    return world_from_voxel[:, :3, :3].double().square().sum(dim=1).sqrt()


def world_from_region(world_from_voxel: Tensor, shape: Sequence[int]) -> Tensor:
    """Return the isometries (B, 4, 4), float64, from the region's frame to world mm.

    The isometry takes the axes of the frame to the directions of the voxel axes and the origin to the
    middle of the grid. The directions are made exactly orthogonal first, because float32 headers are
    not. A left-handed grid gives a mirroring isometry.

    Raises
    ------
    InputError
        If ``world_from_voxel`` is not (B, 4, 4).
    """
    if world_from_voxel.ndim != 3 or world_from_voxel.shape[1:] != (4, 4):
        raise InputError(f"expected world_from_voxel of shape (batch, 4, 4), got {tuple(world_from_voxel.shape)}")
    matrix = world_from_voxel.detach().double()
    axes = polar_rotation(matrix[:, :3, :3] / spacing_mm(matrix)[:, None])
    middle = torch.tensor([(n - 1) / 2 for n in shape], dtype=matrix.dtype, device=matrix.device)
    isometry = matrix.clone()
    isometry[:, :3, :3] = axes
    isometry[:, :3, 3] += matrix[:, :3, :3] @ middle
    return isometry


def to_world(local: Tensor, world_from_voxel: Tensor, shape: Sequence[int]) -> Tensor:
    """Return F local F^-1, with F the region's isometry: rigid (B, 4, 4) maps of world points in mm."""
    F = world_from_region(world_from_voxel, shape)
    return F @ local.double() @ torch.linalg.inv(F)
