"""Linear interpolation on lattices of positions: axis by axis for parallel axes, in three dimensions otherwise.

And a smooth step between two values.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepareg.arrays import Matrix

__all__ = ["resample_axes", "sample_affine", "sample_weight", "smooth_step"]

Field = NDArray[np.floating]


def resample_axes(array: Field, positions: Sequence[NDArray[np.floating]]) -> Field:
    """Return an array interpolated linearly at a lattice of voxel positions, one axis after the other.

    Positions outside the array take the value of its border.

    Parameters
    ----------
    array
        (I, J, K) floating point.
    positions
        Three arrays of voxel positions along i, j and k; their lengths are the shape of the result.
    """
    for axis, where in sorted(enumerate(positions), key=lambda item: len(item[1]) / array.shape[item[0]]):
        if len(where) == array.shape[axis] and np.array_equal(where, np.arange(len(where))):
            continue
        clamped = np.clip(where, 0, array.shape[axis] - 1)
        lower = np.minimum(np.floor(clamped).astype(int), max(array.shape[axis] - 2, 0))
        shape = [1, 1, 1]
        shape[axis] = len(where)
        share = (clamped - lower).astype(np.float32).reshape(shape)
        first = np.take(array, lower, axis=axis)
        second = np.take(array, np.minimum(lower + 1, array.shape[axis] - 1), axis=axis)
        second -= first
        second *= share
        second += first
        array = second
    return array


def sample_affine(
    array: NDArray[np.generic], matrix: Matrix, shape: tuple[int, int, int], *, outside: float
) -> NDArray[np.float32]:
    """Return an array interpolated linearly at the positions ``matrix`` @ voxel, for all voxels of ``shape``: float32.

    Positions outside the array take the value ``outside``.
    """
    return ndimage.affine_transform(
        array, matrix[:3, :3], matrix[:3, 3], output_shape=shape, output=np.float32, order=1, cval=outside
    )


def sample_weight(array: Field, matrix: Matrix, shape: tuple[int, int, int]) -> Field:
    """Return a field interpolated at the positions ``matrix`` @ voxel, for all voxels of ``shape``; 0 outside.

    The field has to be 0 at its border. A diagonal matrix is interpolated axis by axis, which is faster.
    """
    linear = matrix[:3, :3]
    if np.abs(linear - np.diag(np.diag(linear))).max() < 1e-12:
        return resample_axes(array, [np.arange(n) * linear[a, a] + matrix[a, 3] for a, n in enumerate(shape)])
    return sample_affine(array, matrix, shape, outside=0.0)


def smooth_step(x: Field) -> Field:
    """Return 0 below 0, 1 above 1, and in between a cubic that is level at both ends."""
    t = np.clip(x, 0, 1)
    return t * t * (3 - 2 * t)
