"""Affine maps of whole lattices of points, without a matrix product for each point."""

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
    """Return the images of a lattice's points under a matrix: (3, I, J, K).

    Parameters
    ----------
    matrix
        (4, 4) affine map. The contributions of the three coordinates are computed in float64 and added in ``dtype``.
    along
        Three arrays, (I,), (J,) and (K,): coordinates of the lattice's planes along each axis.
    device, dtype
        Device and dtype of the result.
    """
    parts = [matrix[:3, axis, None] * steps for axis, steps in enumerate(along)]
    parts[0] = parts[0] + matrix[:3, 3, None]
    x, y, z = small_tensor(np.concatenate(parts, axis=1), device, dtype).split([len(steps) for steps in along], dim=1)
    return x[:, :, None, None] + y[:, None, :, None] + z[:, None, None]
