"""Images limited at the liver's top slice, so that an image cropped there gives the same result as the whole one."""

import numpy as np

from hepareg.preprocessing.liver_crop import LiverCrop
from hepareg.volume import Volume

__all__ = ["below_liver_top"]


def below_liver_top(image: Volume, mask: Volume) -> tuple[Volume, Volume]:
    """Return views of an image and its mask without the slices above the liver's top slice.

    The top is the most superior slice in which the mask has at least `LiverCrop`'s smallest area.
    What lies above it, the lung, moves otherwise than the liver and is cut off by `LiverCrop`: using
    it here would make the result depend on whether the image was cropped before.
    """
    axis, sense = mask.grid.superior_axis
    spacing = np.delete(mask.grid.spacing_mm, axis)
    area = np.count_nonzero(mask.data, axis=tuple(a for a in range(3) if a != axis)) * float(spacing.prod())
    slices = np.flatnonzero(area >= LiverCrop().min_area_mm2)
    if not len(slices):
        return image, mask
    start, stop = np.zeros(3, dtype=int), np.array(mask.shape)
    if sense > 0:
        stop[axis] = slices[-1] + 1
    else:
        start[axis] = slices[0]
    return image.crop(start, stop), mask.crop(start, stop)
