"""Numbers of a mask's voxels in every slice along its three axes; size, box and centroid of the mask follow."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import VoxelArray, is_bool, slowest_first
from hepareg.errors import MaskError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["EMPTY_MASK", "MaskProfile", "mask_profile"]

EMPTY_MASK = "expected a mask with at least one voxel, got an empty one; check the mask and its label"

FITS_UINT8 = 255
"""Number of slices whose sum fits eight bits; adding these up in bytes is many times faster than in wider integers."""


@dataclass(frozen=True, eq=False)
class MaskProfile:
    """Numbers of a mask's voxels, slice by slice along each axis.

    Parameters
    ----------
    counts
        Three arrays, (I,), (J,) and (K,): number of mask voxels in every slice across i, across j and across k.
    """

    counts: tuple[NDArray[np.int_], NDArray[np.int_], NDArray[np.int_]]

    @property
    def total(self) -> int:
        """Number of the mask's voxels."""
        return int(self.counts[0].sum())

    @property
    def box(self) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
        """First voxel of the smallest box that holds the mask, and one after the box's last voxel.

        Raises
        ------
        MaskError
            If the mask has no voxel.
        """
        used = [np.flatnonzero(counts) for counts in self.counts]
        if not len(used[0]):
            raise MaskError(EMPTY_MASK)
        return np.array([n[0] for n in used]), np.array([n[-1] + 1 for n in used])

    @property
    def centroid_vox(self) -> NDArray[np.floating]:
        """(3,) mean of the mask's voxels (i, j, k).

        Raises
        ------
        MaskError
            If the mask has no voxel.
        """
        if not self.total:
            raise MaskError(EMPTY_MASK)
        return np.array([counts @ np.arange(len(counts)) for counts in self.counts]) / self.total

    def cropped(self, mask: "VoxelArray | Tensor", start: NDArray[np.int_], stop: NDArray[np.int_]) -> "MaskProfile":
        """Return the counts of a voxel range of the mask; only the slices outside the range are counted for it.

        Parameters
        ----------
        mask
            (I, J, K), the whole mask that the present counts belong to.
        start, stop
            (3,) first voxel of the range, and one after the range's last voxel.
        """
        counts = list(self.counts)
        kept = [slice(None)] * 3
        for axis, (first, last) in enumerate(zip(start, stop, strict=True)):
            for end in (slice(0, first), slice(last, None)):
                if counts[axis][end].any():
                    lost = mask_profile(mask[(*kept[:axis], end, *kept[axis + 1 :])]).counts
                    counts = [n if a == axis else n - lost[a] for a, n in enumerate(counts)]
            kept[axis] = slice(first, last)
            counts[axis] = counts[axis][kept[axis]]
        return MaskProfile((counts[0], counts[1], counts[2]))


def mask_profile(mask: "VoxelArray | Tensor") -> MaskProfile:
    """Count the non-zero voxels of a mask in every slice along each axis, in one pass over its memory.

    Parameters
    ----------
    mask
        (I, J, K) array, or tensor on any device.
    """
    counts = _of_array(mask) if isinstance(mask, np.ndarray) else _of_tensor(mask)
    return MaskProfile((counts[0], counts[1], counts[2]))


def _of_array(mask: VoxelArray) -> list[NDArray[np.int_]]:
    """Return the three counts of an array: slices of the slowest axis are counted, then summed into one plane."""
    slowest = slowest_first(mask.strides)[0]
    slices = np.moveaxis(mask if mask.dtype == np.bool_ else mask != 0, slowest, 0)
    along = np.array([np.count_nonzero(part) for part in slices])
    plane = np.zeros(slices.shape[1:], dtype=np.int64)
    used = np.flatnonzero(along)
    if len(used):
        bytes_ = slices[used[0] : used[-1] + 1].view(np.uint8)
        for first in range(0, len(bytes_), FITS_UINT8):
            plane += np.add.reduce(bytes_[first : first + FITS_UINT8], axis=0, dtype=np.uint8)
    counts = [plane.sum(axis=1), plane.sum(axis=0)]
    counts.insert(slowest, along)
    return counts


def _of_tensor(mask: "Tensor") -> list[NDArray[np.int_]]:
    inside = mask if is_bool(mask) else mask != 0
    plane = inside.sum(dim=2)
    counts = [plane.sum(dim=1), plane.sum(dim=0), inside.sum(dim=(0, 1))]
    ends = np.cumsum(mask.shape)[:-1]
    host = counts[0].new_empty(sum(mask.shape))
    for part, count in zip(host.split(list(mask.shape)), counts, strict=True):
        part.copy_(count)
    return np.split(host.cpu().numpy(), ends)
