"""Trilinear interpolation as a weighted sum of rows of a table: many channels cost little more than one.

``grid_sample`` reads each channel from a volume of its own; here the channels of a voxel lie side by
side and eight rows give all of them. A test holds both together.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hepareg.transforms.warp import EDGE_TOLERANCE_VOX
from hepareg.voxel_tensor import small_tensor

__all__ = ["Corners", "trilinear_corners"]


class Corners(NamedTuple):
    """What trilinear interpolation reads at (3, B, P) positions."""

    rows: Tensor
    """(B P, 8) int32: numbers of the voxels around each position in an array with k fastest."""
    weights: Tensor
    """(B P, 8) weights of these voxels."""
    ways: Tensor
    """(3, B P) how far each position is from the lower voxel to the upper, 0 to 1."""
    valid: Tensor
    """(B, P) bool: inside the hull of the voxel centres; elsewhere the border's value is read."""


def trilinear_corners(positions: Tensor, shape: Sequence[int]) -> Corners:
    """Return what trilinear interpolation reads at voxel positions.

    Parameters
    ----------
    positions
        (3, B, P) along i, j and k.
    shape
        Voxels of the image; fewer than 2^31.
    """
    count, device = positions[0].numel(), positions.device
    last = [size - 1 for size in shape]
    terms = positions.new_ones(8, count)  # 1, x, y, z, xy, xz, yz, xyz of the ways from the lower voxel to the upper
    row = torch.zeros(count, dtype=torch.int32, device=device)
    outside = positions.new_zeros(count)
    for axis, position in enumerate(positions.reshape(3, -1)):
        nearest = position.clamp(0, last[axis])
        torch.maximum(outside, (position - nearest).abs_(), out=outside)
        first = nearest.floor().clamp_(max=max(last[axis] - 1, 0))
        torch.sub(nearest, first, out=terms[1 + axis])
        row.mul_(shape[axis]).add_(first.int())
    for product, (a, b) in enumerate(((1, 2), (1, 3), (2, 3), (4, 3))):
        torch.mul(terms[a], terms[b], out=terms[4 + product])
    up = np.array(list(np.ndindex(2, 2, 2)))
    corner = (up * np.minimum(last, 1)) @ [shape[1] * shape[2], shape[2], 1]
    rows = row[:, None] + small_tensor(corner.astype(np.int32), device)
    weights = terms.T @ small_tensor(_FROM_TERMS, device, positions.dtype)
    return Corners(rows, weights, terms[1:4], (outside <= EDGE_TOLERANCE_VOX).reshape(positions.shape[1:]))


_AXIS = np.array([[1.0, 0.0], [-1.0, 1.0]])  # 1 and x in the weights of the lower voxel, 1 - x, and of the upper, x
_FROM_TERMS = np.kron(np.kron(_AXIS, _AXIS), _AXIS)[[0, 4, 2, 1, 6, 5, 3, 7]]
"""(8, 8) coefficients of the terms, a row each in their order, in the weights of the eight corners."""
