"""Images limited at the liver's top slice, so that an image cropped there gives the same result as the whole one."""

import numpy as np
from numpy.typing import NDArray

from hepareg.geometry.connected import hangs_together
from hepareg.geometry.largest_component import largest_component
from hepareg.geometry.profile import mask_profile
from hepareg.preprocessing.liver_crop import LiverCrop
from hepareg.volume import Volume
from hepareg.voxel_tensor import voxel_array

__all__ = ["below_liver_top"]

LATTICE_MM = 4.5
"""The lattice on which the mask has to hang together. What it does not see, pieces that lie between its points and
gaps narrower than it is, is left together, but for an empty slice across."""


def below_liver_top(image: Volume, mask: Volume) -> tuple[Volume, Volume]:
    """Return views of an image and its mask without the slices above the liver's top slice.

    The top is `LiverCrop`'s: the most superior slice in which the mask's largest component has its smallest area.
    What lies above it, the lung, moves otherwise than the liver and is cut off by `LiverCrop`: using
    it here would make the result depend on whether the image was cropped before.
    """
    axis, sense = mask.grid.superior_axis
    spacing = np.delete(mask.grid.spacing_mm, axis)
    area = _voxels_by_slice(mask, axis) * float(spacing.prod())
    slices = np.flatnonzero(area >= LiverCrop().min_area_mm2)
    if not len(slices):
        return image, mask
    start, stop = np.zeros(3, dtype=int), np.array(mask.shape)
    if sense > 0:
        stop[axis] = slices[-1] + 1
    else:
        start[axis] = slices[0]
    return image.crop(start, stop), mask.crop(start, stop)


def _voxels_by_slice(mask: Volume, axis: int) -> NDArray[np.int_]:
    """Return how many voxels of the mask's largest component each slice holds."""
    if _in_one_piece(mask):
        return mask.profile.counts[axis]
    component, corner = largest_component(voxel_array(mask.data))
    counts = np.zeros(mask.shape[axis], dtype=int)
    counts[corner[axis] : corner[axis] + component.shape[axis]] = mask_profile(component).counts[axis]
    return counts


def _in_one_piece(mask: Volume) -> bool:
    """Return whether a lattice of the mask's voxels hangs together: then the search through all voxels is spared."""
    if not mask.profile.total:
        return True
    if any(np.ptp(np.flatnonzero(counts)) >= np.count_nonzero(counts) for counts in mask.profile.counts):
        return False  # an empty slice lies between two others
    i, j, k = np.maximum(LATTICE_MM / mask.grid.spacing_mm, 1).astype(int)
    return hangs_together(voxel_array(mask.crop(*mask.profile.box).data[::i, ::j, ::k]))
