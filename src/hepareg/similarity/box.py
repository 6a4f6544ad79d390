"""Sums over a moving box, separable and exact to rounding."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["box_sum"]


def box_sum(image: Tensor, radius_vox: Sequence[int]) -> Tensor:
    """Return the sum over the box of 2 r + 1 voxels an axis around each voxel: same shape, zero beyond the border.

    Parameters
    ----------
    image
        (B, C, I, J, K) values to be summed.
    radius_vox
        Half width r along i, j, k; 0 does not sum along that axis.

    Notes
    -----
    A running sum (cumulative sum, then a difference) costs two passes an axis but subtracts large
    numbers from each other: in float32 it loses small variances on Hounsfield units. Here the width
    is assembled from powers of two (1, 2, 4, ... neighbours added pairwise): about log2(width)
    additions a voxel and no subtraction, so the error stays at the level of rounding.
    """
    return _BoxSum.apply(image, tuple(radius_vox))


class _BoxSum(torch.autograd.Function):
    """The box sum with its own derivative: the operator is symmetric, so nothing is kept for the backward pass."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, radius_vox: tuple[int, ...]) -> Tensor:
        ctx.radius_vox = radius_vox
        for axis, radius in zip((2, 3, 4), radius_vox, strict=True):
            if radius:
                padding = [0, 0] * (4 - axis) + [radius, radius]
                image = _window_sum(functional.pad(image, padding), axis, 2 * radius + 1)
        return image

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _BoxSum.apply(gradient, ctx.radius_vox), None


def _window_sum(image: Tensor, axis: int, width: int) -> Tensor:
    """Return the sums of ``width`` (odd) consecutive voxels along an axis, the result shorter by width - 1."""
    length = image.shape[axis] - width + 1
    total = image.narrow(axis, 0, length)
    done, power, step = 1, image, 1
    while done < width:
        size = power.shape[axis] - step
        power, step = power.narrow(axis, 0, size) + power.narrow(axis, step, size), 2 * step
        if width & step:
            total = total + power.narrow(axis, done, length)
            done += step
    return total
