"""The part of the fixed image whose motion is wanted, as a map of distances to it."""

import numpy as np
import torch
from scipy import ndimage

from hepareg.geometry.boxes import bounding_box
from hepareg.optimisation.block_average import GridImage, block_average, block_factors
from hepareg.volume import Volume

__all__ = ["distance_to_mask", "masked_box"]

DISTANCE_SPACING_MM = 2.5


def masked_box(mask: Volume, margin_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the voxel range (start, stop) that holds a mask and ``margin_mm`` around it."""
    return bounding_box(mask.data, margin_vox=np.ceil(margin_mm / mask.grid.spacing_mm).astype(int))


def distance_to_mask(mask: Volume, *, device: torch.device) -> GridImage:
    """Return the distance in mm to a mask, 0 inside, on a grid of about 2.5 mm; crop the mask first.

    The mask's outline is known to about that much, so a finer grid would only cost time.
    """
    factors = block_factors(mask.grid, DISTANCE_SPACING_MM)
    coarse = block_average(mask, factors, window=(0, 1), device=torch.device("cpu"))
    outside = coarse.data.numpy() < 0.5
    if outside.all():
        outside = coarse.data.numpy() <= 0
    distance = ndimage.distance_transform_edt(outside, sampling=coarse.grid.spacing_mm)
    return GridImage(torch.from_numpy(distance.astype(np.float32)).to(device), coarse.grid)
