"""Trilinear interpolation as a weighted sum of eight rows of a table that has a row for each voxel.

The channels of a voxel are neighbours in memory, so that many channels cost little more than one; ``grid_sample``
reads every channel from a volume of its own. A test compares both.
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
    """Voxels and weights of trilinear interpolation at (3, B, P) positions."""

    rows: Tensor
    """(B P, 8) int32: flat indices of the eight voxels around each position, k fastest."""
    weights: Tensor
    """(B P, 8) weights of these voxels."""
    ways: Tensor
    """(3, B P) fraction of the way from the lower to the upper voxel along each axis, 0 to 1."""
    valid: Tensor
    """(B, P) bool: the position lies within the hull of the voxel centres; elsewhere the border's value is read."""


def trilinear_corners(positions: Tensor, shape: Sequence[int]) -> Corners:
    """Return the voxels and weights of trilinear interpolation at voxel positions.

    Parameters
    ----------
    positions
        (3, B, P) fractional voxel indices along i, j and k.
    shape
        (I, J, K) of the image, fewer than 2^31 voxels.
    """
    count, device = positions[0].numel(), positions.device
    last = [size - 1 for size in shape]
    terms = positions.new_ones(8, count)  # 1, x, y, z, xy, xz, yz, xyz of the fractions x, y, z
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


_AXIS = np.array([[1.0, 0.0], [-1.0, 1.0]])  # coefficients of 1 and x in the weights: lower voxel 1 - x, upper x
_FROM_TERMS = np.kron(np.kron(_AXIS, _AXIS), _AXIS)[[0, 4, 2, 1, 6, 5, 3, 7]]
"""(8, 8) coefficients of the terms, a row each in their order, in the weights of the eight corners."""
