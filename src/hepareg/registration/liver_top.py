"""Images limited at the liver's top slice, so that an image cropped there gives the same result as the whole one."""

import numpy as np
from scipy import ndimage

from hepareg.geometry.boxes import bounding_box
from hepareg.geometry.masked import slice_counts
from hepareg.preprocessing.liver_crop import LiverCrop, largest_component
from hepareg.volume import Volume

__all__ = ["below_liver_top"]

THIN = 3


def below_liver_top(image: Volume, mask: Volume) -> tuple[Volume, Volume]:
    """Return views of an image and its mask without the slices above the liver's top slice.

    The top is `LiverCrop`'s: the most superior slice in which the mask's largest component has its smallest area.
    What lies above it, the lung, moves otherwise than the liver and is cut off by `LiverCrop`: using
    it here would make the result depend on whether the image was cropped before.
    """
    axis, sense = mask.grid.superior_axis
    component, corner = (mask.data, np.zeros(3, dtype=int)) if _in_one_piece(mask) else largest_component(mask.data)
    spacing = np.delete(mask.grid.spacing_mm, axis)
    area = slice_counts(component, axis) * float(spacing.prod())
    slices = corner[axis] + np.flatnonzero(area >= LiverCrop().min_area_mm2)
    if not len(slices):
        return image, mask
    start, stop = np.zeros(3, dtype=int), np.array(mask.shape)
    if sense > 0:
        stop[axis] = slices[-1] + 1
    else:
        start[axis] = slices[0]
    return image.crop(start, stop), mask.crop(start, stop)


def _in_one_piece(mask: Volume) -> bool:
    """Return whether every third voxel of the mask hangs together: then the slow labelling of all voxels is spared."""
    inside = mask.crop(*bounding_box(mask.data)).data if mask.data.any() else mask.data
    return ndimage.label(inside[::THIN, ::THIN, ::THIN], structure=np.ones((3, 3, 3)))[1] <= 1
