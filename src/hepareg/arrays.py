"""Names for arrays and tensors, so that a signature says what its operands are.

NumPy arrays carry files and geometry; torch tensors carry what runs on a device. torch is named
here for type checkers only, so that importing this module costs nothing.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor
else:
    Tensor = "torch.Tensor"

__all__ = ["DisplacementMM", "Image", "Mask", "Matrix", "Points", "VoxelArray", "is_bool", "slowest_first"]

Image = Tensor
"""(B, C, I, J, K) floating-point tensor, voxel axes in the order of the file."""

Mask = Tensor
"""(B, 1, I, J, K) tensor in [0, 1] (weights) or bool."""

DisplacementMM = Tensor
"""(B, 3, I, J, K) displacement u(x) in world RAS mm on the fixed grid."""

Matrix = NDArray[np.floating[Any]]
"""(4, 4) float64 homogeneous matrix acting on column vectors."""

Points = NDArray[np.floating[Any]]
"""(N, 3) float64 points, world RAS mm unless the name says ``_vox``."""

VoxelArray = NDArray[Any]
"""(I, J, K) NumPy array of voxels in any real dtype."""


def is_bool(voxels: "VoxelArray | Tensor") -> bool:
    """Return whether an array or a tensor holds truth values; torch is not imported to find out."""
    return str(voxels.dtype).endswith("bool")


def slowest_first(strides: Sequence[int]) -> tuple[int, ...]:
    """Return the axes of an array in the order of its memory: the slowest first, the fastest last."""
    return tuple(sorted(range(len(strides)), key=lambda axis: -abs(strides[axis])))
