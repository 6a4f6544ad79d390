"""Trilinear interpolation as a weighted sum of rows of a table: many channels cost little more than one.

``grid_sample`` reads each channel from a volume of its own; here the channels of a voxel lie side by
side and eight rows give all of them. A test holds both together.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from hepareg.transforms.warp import EDGE_TOLERANCE_VOX

__all__ = ["trilinear_corners"]


def trilinear_corners(positions: Tensor, shape: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Return what trilinear interpolation reads at voxel positions.

    Parameters
    ----------
    positions
        (3, B, P) along i, j and k.
    shape
        Voxels of the image; fewer than 2^31.

    Returns
    -------
    rows
        (B P, 8) int32: numbers of the voxels around each position in an array with k fastest.
    weights
        (B P, 8) weights of these voxels.
    valid
        (B, P) bool: inside the hull of the voxel centres; elsewhere the border's value is read.
    """
    row = torch.zeros((), dtype=torch.int32, device=positions.device)
    valid = torch.ones((), dtype=torch.bool, device=positions.device)
    fractions = []
    corner = torch.zeros(1, dtype=torch.int32, device=positions.device)
    for position, size in zip(positions, shape, strict=True):
        nearest = position.clamp(0, size - 1)
        inside = (position - nearest).abs_() <= EDGE_TOLERANCE_VOX
        valid = valid & inside
        first = nearest.floor().clamp_(max=max(size - 2, 0))
        fractions.append((nearest - first).flatten())
        row = row * size + first.int()
        step = torch.tensor([0, min(size - 1, 1)], dtype=torch.int32, device=positions.device)
        corner = (corner[:, None] * size + step).flatten()
    x, y, z = fractions
    weights = torch.empty((8, len(x)), dtype=positions.dtype, device=positions.device)
    xy = x * y
    for pair, plane in enumerate((1 - x - y + xy, y - xy, x - xy, xy)):
        torch.mul(plane, z, out=weights[2 * pair + 1])
        torch.sub(plane, weights[2 * pair + 1], out=weights[2 * pair])
    return row.reshape(-1, 1) + corner, weights.T.contiguous(), valid
