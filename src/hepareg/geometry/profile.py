"""The voxels of a mask counted slice by slice along its three axes: its size, box and centroid follow from that."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import VoxelArray, is_bool, slowest_first
from hepareg.errors import MaskError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MaskProfile", "mask_profile"]

FITS_UINT8 = 255
"""Slices that are added up in eight bits, many times faster than in more."""


@dataclass(frozen=True, eq=False)
class MaskProfile:
    """Counts of a mask's voxels.

    Parameters
    ----------
    counts
        Three arrays, (I,), (J,) and (K,): the mask's voxels in every slice across i, across j, across k.
    """

    counts: tuple[NDArray[np.int_], NDArray[np.int_], NDArray[np.int_]]

    @property
    def total(self) -> int:
        """Voxels of the mask."""
        return int(self.counts[0].sum())

    @property
    def box(self) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
        """Return the first voxel of the smallest box that holds the mask, and one after its last.

        Raises
        ------
        MaskError
            If the mask has no voxel.
        """
        used = [np.flatnonzero(counts) for counts in self.counts]
        if not len(used[0]):
            raise MaskError("expected a mask with at least one voxel, got an empty one; check the mask and its label")
        return np.array([n[0] for n in used]), np.array([n[-1] + 1 for n in used])

    @property
    def centroid_vox(self) -> NDArray[np.floating]:
        """Mean (i, j, k) of the mask's voxels; NaN where there is none."""
        return np.array([counts @ np.arange(len(counts)) for counts in self.counts]) / (self.total or np.nan)

    def cropped(self, mask: "VoxelArray | Tensor", start: NDArray[np.int_], stop: NDArray[np.int_]) -> "MaskProfile":
        """Return the counts of a voxel range of the mask that these are the counts of: what is cut off is taken away.

        Parameters
        ----------
        mask
            (I, J, K), the whole of it.
        start, stop
            (3,) first voxel of the range, and one after its last.
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
    """Count a mask, non-zero inside, in one pass over its memory.

    Parameters
    ----------
    mask
        (I, J, K) array, or tensor on any device.
    """
    counts = _of_array(mask) if isinstance(mask, np.ndarray) else _of_tensor(mask)
    return MaskProfile((counts[0], counts[1], counts[2]))


def _of_array(mask: VoxelArray) -> list[NDArray[np.int_]]:
    """Count whole slices across the slowest axis, and see through them along it for the other two."""
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
