"""Maps of whole lattices of points, from a few products a row instead of one a point."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hepareg.arrays import Matrix
from hepareg.voxel_tensor import small_tensor

__all__ = ["mapped_lattice"]


def mapped_lattice(
    matrix: Matrix, along: Sequence[NDArray[Any]], *, device: torch.device, dtype: torch.dtype
) -> Tensor:
    """Return (3, I, J, K) where a matrix takes the points of a lattice.

    Parameters
    ----------
    matrix
        (4, 4); what a point's three coordinates add is found in float64.
    along
        Coordinates of the I, J and K planes of the lattice along each axis.
    device, dtype
        Of the result.
    """
    ways = [matrix[:3, axis, None] * steps for axis, steps in enumerate(along)]
    ways[0] = ways[0] + matrix[:3, 3, None]
    x, y, z = small_tensor(np.concatenate(ways, axis=1), device, dtype).split([len(steps) for steps in along], dim=1)
    return x[:, :, None, None] + y[:, None, :, None] + z[:, None, None]
