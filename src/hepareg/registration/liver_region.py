"""A rough liver region where nobody gave a mask: the largest block of soft tissue."""

import numpy as np

from hepareg.optimisation.block_average import block_average, block_factors
from hepareg.volume import Volume
from hepareg.voxel_tensor import voxel_tensor

__all__ = ["rough_liver_region"]

SPACING_MM = 4.0
SOFT_TISSUE_HU = (30.0, 200.0)
CORE_MM = 12.0
"""Depth inside which only a large organ has any tissue left: muscle, bowel and vessels are thinner."""


def rough_liver_region(image: Volume) -> Volume | None:
    """Return a bool Volume, coarser than the image, over the largest compact soft-tissue organ, or None.

    The organ that survives an erosion by `CORE_MM` with the largest volume is the liver, in most
    abdomens; spleen, heart or a full stomach in some. It is a region to look at first, not a
    segmentation, and no result that rests on it is accepted without review.
    """
    from scipy import ndimage  # slow to import, and a mask spares it

    factors = block_factors(image.grid, SPACING_MM)
    coarse = block_average(image, factors, window=(-1000, 1000), device=voxel_tensor(image.data[:1, :1, :1]).device)
    spacing = coarse.grid.spacing_mm
    smooth = ndimage.gaussian_filter(coarse.data.cpu().numpy(), 2.0 / spacing)
    soft = (smooth > SOFT_TISSUE_HU[0]) & (smooth < SOFT_TISSUE_HU[1])
    depth = ndimage.distance_transform_edt(np.pad(soft, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    parts, count = ndimage.label(depth > CORE_MM)
    if not count:
        return None
    largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    region = soft & (ndimage.distance_transform_edt(parts != largest, sampling=spacing) <= CORE_MM)
    return Volume(region, coarse.grid)
