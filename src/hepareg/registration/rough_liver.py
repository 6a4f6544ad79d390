"""A rough liver region where nobody gave a mask: the largest block of soft tissue."""

import numpy as np
import torch

from hepareg.refinement.images.block_average import block_average, block_factors
from hepareg.refinement.images.distance import distance_within
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
    spacing = coarse.grid.spacing_mm.tolist()
    smooth = ndimage.gaussian_filter(coarse.data.cpu().numpy(), 2.0 / coarse.grid.spacing_mm)
    soft = (smooth > SOFT_TISSUE_HU[0]) & (smooth < SOFT_TISSUE_HU[1])
    outside = torch.from_numpy(np.pad(~soft, 1, constant_values=True))
    depth = distance_within(outside, spacing_mm=spacing, reach_mm=CORE_MM)[1:-1, 1:-1, 1:-1]
    core_mm = CORE_MM if (depth > CORE_MM).any() else THICK_MM
    parts, count = ndimage.label(depth > core_mm)
    if not count:
        return None
    core = torch.from_numpy(parts == 1 + np.argmax(np.bincount(parts.ravel())[1:]))
    reach_mm = core_mm + RIM_MM
    near = distance_within(core, spacing_mm=spacing, reach_mm=reach_mm) <= reach_mm
    thick = distance_within(depth > THICK_MM, spacing_mm=spacing, reach_mm=THICK_MM) <= THICK_MM
    return Volume(soft & (thick & near).numpy(), coarse.grid)
