"""Sampling of tensors: differentiable, batched, on any device.

``resample.py`` is the counterpart for volumes that are written to files. A test compares both.

This module alone uses the coordinates of torch's ``grid_sample``, the *sampler's positions*: in [-1, 1] and in reversed
axis order, so that for a (B, C, I, J, K) image the first coordinate runs along K and the last along I. The 4x4 matrix
`sampler_from_voxel` contains both. With ``align_corners=False`` the values -1 and 1 are the outer faces of the border
voxels, n = (2 v + 1) / size - 1, which is defined for an axis of one voxel too (``align_corners=True`` divides by
size - 1).

Matrices are composed in float64 before they are applied to voxel indices, so that large world offsets cost no
precision, and every image is sampled once.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional

from hepareg.arrays import Matrix
from hepareg.errors import InputError
from hepareg.voxel_tensor import small_tensor

__all__ = [
    "EDGE_TOLERANCE_VOX",
    "Interpolation",
    "Warped",
    "sample_points",
    "sampler_from_voxel",
    "values_at",
    "warp",
    "within_faces",
]

Interpolation = Literal["linear", "nearest"]
MODES = {"linear": "bilinear", "nearest": "nearest"}

EDGE_TOLERANCE_VOX = 1e-3
"""Largest distance in voxels outside the hull of the voxel centres at which a position counts as inside.

A grid sampled onto itself has to be valid everywhere, and float32 coordinates round by up to 1e-4 voxels on a grid of
512 voxels.
"""


class Warped(NamedTuple):
    """Sampled values, and which of them lie inside the image."""

    image: Tensor
    """Values; ``padding`` outside the image."""
    valid: Tensor
    """Bool: the position lies within the hull of the image's voxel centres."""


def warp(
    moving: Tensor,
    *,
    moving_world_from_voxel: ArrayLike | Tensor,
    fixed_world_from_voxel: ArrayLike | Tensor,
    fixed_shape: tuple[int, int, int] | torch.Size,
    moving_from_fixed: ArrayLike | Tensor | None = None,
    displacement: Tensor | None = None,
    interpolation: Interpolation = "linear",
    padding: float | Literal["border"] = 0.0,
) -> Warped:
    """Sample the moving image on the fixed grid: warped(x) = moving(moving_from_fixed (x + u(x))).

    The displacement is applied first, the matrix afterwards. Both are composed with the two grids into one position
    for each fixed voxel, at which the moving image is interpolated once.

    Parameters
    ----------
    moving
        (B, C, I', J', K') image. Half precision is sampled in float32.
    moving_world_from_voxel, fixed_world_from_voxel
        (4, 4) or (B, 4, 4) matrices of the two grids, voxel centres to world RAS mm.
    fixed_shape
        (I, J, K) of the fixed grid.
    moving_from_fixed
        (4, 4) or (B, 4, 4) map of fixed world points to moving world points, mm; None is the
        identity. Gradients flow into it.
    displacement
        (B, 3, I, J, K) u(x) in world mm on the fixed grid, or None.
    interpolation
        ``linear`` (floating-point result) or ``nearest`` (result in the dtype of ``moving``; for
        label maps).
    padding
        Value at positions outside the moving image, or ``border`` for the value of the
        nearest voxel.

    Returns
    -------
    Warped
        ``image`` (B, C, I, J, K) and ``valid`` (B, 1, I, J, K), bool.

    Raises
    ------
    InputError
        If the displacement is not (B, 3, I, J, K) or the image is not five-dimensional.
    """
    _check_image(moving)
    batch, device = moving.shape[0], moving.device
    shape = tuple(int(n) for n in fixed_shape)
    if displacement is not None and tuple(displacement.shape) != (batch, 3, *shape):
        raise InputError(
            f"expected a displacement of shape {(batch, 3, *shape)} (batch, 3, fixed grid), "
            f"got {tuple(displacement.shape)}; give it on the fixed grid"
        )
    sampler_from_fixed_world = _sampler_from_world(moving, moving_world_from_voxel)
    if moving_from_fixed is not None:
        sampler_from_fixed_world = sampler_from_fixed_world @ _matrices(moving_from_fixed, batch, device)
    sampler_from_fixed_voxel = sampler_from_fixed_world @ _matrices(fixed_world_from_voxel, batch, device)
    dtype = _working_dtype(moving)
    positions = _lattice(sampler_from_fixed_voxel.to(dtype), shape)
    if displacement is not None:
        linear = sampler_from_fixed_world[:, :3, :3].to(dtype)
        with torch.autocast(device.type, enabled=False):
            positions = positions + torch.einsum("bac,bcijk->bijka", linear, displacement.to(dtype))
    image, valid = _sample(moving, positions, interpolation, padding)
    return Warped(image, valid.unsqueeze(1))


def sample_points(
    image: Tensor,
    points: Tensor,
    *,
    world_from_voxel: ArrayLike | Tensor,
    interpolation: Interpolation = "linear",
    padding: float | Literal["border"] = 0.0,
) -> Warped:
    """Sample an image at world points.

    Parameters
    ----------
    image
        (B, C, I, J, K) image.
    points
        (B, N, 3) world RAS mm; float64 keeps large world offsets exact. Gradients flow into them.
    world_from_voxel
        (4, 4) or (B, 4, 4) of the image's grid.
    interpolation, padding
        As for `warp`.

    Returns
    -------
    Warped
        ``image`` (B, C, N) and ``valid`` (B, 1, N), bool.
    """
    _check_image(image)
    matrix = _sampler_from_world(image, world_from_voxel)
    positions = points.double() @ matrix[:, :3, :3].transpose(1, 2) + matrix[:, None, :3, 3]
    values, valid = _sample(image, positions[:, :, None, None].to(_working_dtype(image)), interpolation, padding)
    return Warped(values[..., 0, 0], valid[:, None, :, 0, 0])


def sampler_from_voxel(shape: Sequence[int]) -> Matrix:
    """Return the (4, 4) map from the voxel indices of an (I, J, K) image to the sampler's positions."""
    matrix = np.zeros((4, 4))
    for row, axis in enumerate((2, 1, 0)):
        matrix[row, axis] = 2 / shape[axis]
        matrix[row, 3] = 1 / shape[axis] - 1
    matrix[3, 3] = 1
    return matrix


def within_faces(positions: Tensor, *, axis: int) -> Tensor:
    """Return whether each of the sampler's positions, stored along ``axis``, lies within the image's outer faces."""
    return (positions.abs() < 1).all(dim=axis)


def values_at(image: Tensor, positions: Tensor, *, interpolation: Interpolation = "linear") -> Tensor:
    """Return the values of an image at the sampler's positions; outside the image those of its nearest voxels.

    Parameters
    ----------
    image
        (B, C, I, J, K) image.
    positions
        (B, I', J', K', 3), as `sampler_from_voxel` maps voxel indices to them. The result has their dtype.

    Returns
    -------
    Tensor
        (B, C, I', J', K').
    """
    with torch.autocast(image.device.type, enabled=False):
        return functional.grid_sample(
            image.to(positions.dtype), positions, mode=MODES[interpolation], padding_mode="border", align_corners=False
        )


def _check_image(image: Tensor) -> None:
    if image.ndim != 5:
        raise InputError(f"expected an image of shape (batch, channels, I, J, K), got {tuple(image.shape)}")


def _working_dtype(image: Tensor) -> torch.dtype:
    return torch.float64 if image.dtype == torch.float64 else torch.float32


def _matrices(matrix: ArrayLike | Tensor, batch: int, device: torch.device) -> Tensor:
    """Return (B, 4, 4) float64 from a (4, 4) or (B, 4, 4) array or tensor."""
    if not isinstance(matrix, Tensor):
        return small_tensor(np.array(matrix, dtype=np.float64), device).expand(batch, 4, 4)
    return matrix.to(device=device, dtype=torch.float64).expand(batch, 4, 4)


def _sampler_from_world(image: Tensor, world_from_voxel: ArrayLike | Tensor) -> Tensor:
    """Return the (B, 4, 4) map from world mm to the sampler's positions in ``image``."""
    to_sampler = sampler_from_voxel(image.shape[2:])
    if not isinstance(world_from_voxel, Tensor):  # a small matrix in NumPy is multiplied on the CPU
        voxel_from_world = np.linalg.inv(np.asarray(world_from_voxel, dtype=np.float64))
        return small_tensor(to_sampler @ voxel_from_world, image.device).expand(image.shape[0], 4, 4)
    inverse = torch.linalg.inv(_matrices(world_from_voxel, image.shape[0], image.device))
    return small_tensor(to_sampler, image.device) @ inverse


def _lattice(matrix: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return the images of all voxel indices of a grid under (B, 4, 4) matrices: (B, I, J, K, 3).

    No array of indices is built.
    """
    i, j, k = (
        torch.arange(n, dtype=matrix.dtype, device=matrix.device).reshape([-1 if a == axis else 1 for a in range(3)])
        for axis, n in enumerate(shape)
    )
    column = matrix[:, :3, :, None, None, None]
    rows = column[:, :, 0] * i + column[:, :, 3] + column[:, :, 1] * j + column[:, :, 2] * k
    return rows.permute(0, 2, 3, 4, 1)


def _sample(
    image: Tensor, positions: Tensor, interpolation: Interpolation, padding: float | Literal["border"]
) -> tuple[Tensor, Tensor]:
    """Return values (B, C, ...) and validity (B, ...) at sampler positions (B, ..., 3)."""
    size = np.array(image.shape[:1:-1])
    reach = small_tensor((size - 1 + 2 * EDGE_TOLERANCE_VOX) / size, positions.device, positions.dtype)
    valid = (positions.detach().abs() <= reach).all(dim=-1)
    values = values_at(image, positions, interpolation=interpolation)
    if padding != "border":
        values = torch.where(valid.unsqueeze(1), values, padding)
    return (values.to(image.dtype) if interpolation == "nearest" else values), valid
