"""A rough liver region for pairs without a mask: the largest block of soft tissue."""

from dataclasses import dataclass

import numpy as np
import torch

from hepareg.refinement.images.block_average import block_average, block_factors
from hepareg.refinement.images.distance import distance_within
from hepareg.volume import Volume
from hepareg.voxel_tensor import voxel_tensor

__all__ = ["RoughLiverSettings", "rough_liver_region"]


@dataclass(frozen=True)
class RoughLiverSettings:
    """Intensities and depths that single out the liver.

    Parameters
    ----------
    spacing_mm, smoothing_mm, window_hu
        Voxels in which the organ is searched for, and standard deviation of the Gaussian that smooths them;
        intensities are clamped to the window before.
    organ_hu
        Smoothed intensities of organs, with and without contrast medium.
    organ_depth_mm
        Depth below the surface that only large organs have: muscle, bowel and vessels are thinner.
    core_depth_mm
        Depth at which organs that touch have come apart, while a liver of common size has not vanished.
    rim_mm
        Beyond the core's own depth, the liver may reach this much farther from its core where organs are thick: its
        lobes are flatter than its core.
    """

    spacing_mm: float = 4.0
    smoothing_mm: float = 2.0
    window_hu: tuple[float, float] = (-1000.0, 1000.0)
    organ_hu: tuple[float, float] = (30.0, 200.0)
    organ_depth_mm: float = 12.0
    core_depth_mm: float = 20.0
    rim_mm: float = 8.0


def rough_liver_region(image: Volume, *, settings: RoughLiverSettings) -> Volume | None:
    """Return a bool Volume, coarser than the image, over the largest compact soft-tissue organ, or None.

    The organ with the largest core, at the core's depth or at least at the organ's depth below its surface, is the
    liver in most abdomens; spleen, heart or a full stomach in some. The region keeps a rim of organs that touch it,
    because a liver without its whole surface determines a pose less well. The region is a place to look at first, not a
    segmentation, and no result that rests on it is accepted without review.
    """
    from scipy import ndimage  # slow to import, and a mask spares it

    factors, device = block_factors(image.grid, settings.spacing_mm), voxel_tensor(image.data[:1, :1, :1]).device
    coarse = block_average(image, factors, window=settings.window_hu, device=device)
    spacing, organ_mm, core_mm = coarse.grid.spacing_mm.tolist(), settings.organ_depth_mm, settings.core_depth_mm
    smooth = ndimage.gaussian_filter(coarse.data.cpu().numpy(), settings.smoothing_mm / coarse.grid.spacing_mm)
    soft = (smooth > settings.organ_hu[0]) & (smooth < settings.organ_hu[1])
    outside = torch.from_numpy(np.pad(~soft, 1, constant_values=True))
    depth = distance_within(outside, spacing_mm=spacing, reach_mm=core_mm)[1:-1, 1:-1, 1:-1]
    if not (depth > core_mm).any():
        core_mm = organ_mm
    parts, count = ndimage.label(depth > core_mm)
    if not count:
        return None
    core = torch.from_numpy(parts == 1 + np.argmax(np.bincount(parts.ravel())[1:]))
    reach_mm = core_mm + settings.rim_mm
    near = distance_within(core, spacing_mm=spacing, reach_mm=reach_mm) <= reach_mm
    thick = distance_within(depth > organ_mm, spacing_mm=spacing, reach_mm=organ_mm) <= organ_mm
    return Volume(soft & (thick & near).numpy(), coarse.grid)
