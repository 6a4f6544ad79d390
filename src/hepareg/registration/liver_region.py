"""A rough liver region where nobody gave a mask: the largest block of soft tissue."""

import numpy as np

from hepareg.optimisation.block_average import block_average, block_factors
from hepareg.volume import Volume
from hepareg.voxel_tensor import voxel_tensor

__all__ = ["rough_liver_region"]

SPACING_MM = 4.0
SOFT_TISSUE_HU = (30.0, 200.0)
THICK_MM = 12.0
"""Depth that only large organs have: muscle, bowel and vessels are thinner."""
CORE_MM = 20.0
"""Depth at which organs that touch have come apart, and a liver of common size has not vanished."""
RIM_MM = 8.0
"""How much farther from its core than that the liver may reach, where organs are thick: its lobes are flatter."""


def rough_liver_region(image: Volume) -> Volume | None:
    """Return a bool Volume, coarser than the image, over the largest compact soft-tissue organ, or None.

    The organ with the largest core, `CORE_MM` or at least `THICK_MM` below its surface, is the liver, in most
    abdomens; spleen, heart or a full stomach in some. Of an organ that touches it the region keeps a rim, because
    what is left of a liver without its surface determines a pose less well. It is a region to look at first, not a
    segmentation, and no result that rests on it is accepted without review.
    """
    from scipy import ndimage  # slow to import, and a mask spares it

    factors = block_factors(image.grid, SPACING_MM)
    coarse = block_average(image, factors, window=(-1000, 1000), device=voxel_tensor(image.data[:1, :1, :1]).device)
    spacing = coarse.grid.spacing_mm
    smooth = ndimage.gaussian_filter(coarse.data.cpu().numpy(), 2.0 / spacing)
    soft = (smooth > SOFT_TISSUE_HU[0]) & (smooth < SOFT_TISSUE_HU[1])
    depth = ndimage.distance_transform_edt(np.pad(soft, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    thick = ndimage.distance_transform_edt(depth <= THICK_MM, sampling=spacing) <= THICK_MM
    core_mm = CORE_MM if (depth > CORE_MM).any() else THICK_MM
    parts, count = ndimage.label(depth > core_mm)
    if not count:
        return None
    largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    near = ndimage.distance_transform_edt(parts != largest, sampling=spacing) <= core_mm + RIM_MM
    return Volume(soft & thick & near, coarse.grid)
