"""Names for the kinds of arrays in signatures, and properties that arrays and tensors share.

Files and geometry use NumPy arrays, computation on a device uses torch tensors. torch is imported for type checkers
only, so that importing this module costs nothing.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Matrix", "Points", "VoxelArray", "is_bool", "slowest_first"]

Matrix = NDArray[np.floating[Any]]
"""(4, 4) float64 homogeneous matrix acting on column vectors."""

Points = NDArray[np.floating[Any]]
"""(N, 3) float64 points, world RAS mm unless the name ends in ``_vox``."""

VoxelArray = NDArray[Any]
"""(I, J, K) NumPy array of voxels in any real dtype."""


def is_bool(voxels: "VoxelArray | Tensor") -> bool:
    """Return whether an array or a tensor has the dtype bool, without importing torch."""
    return str(voxels.dtype).endswith("bool")


def slowest_first(strides: Sequence[int]) -> tuple[int, ...]:
    """Return the axes of an array sorted by stride, the largest first: the order of its memory."""
    return tuple(sorted(range(len(strides)), key=lambda axis: -abs(strides[axis])))
