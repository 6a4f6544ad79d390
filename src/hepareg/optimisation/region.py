"""The part of the fixed image whose motion is wanted, as a map of distances to it."""

import numpy as np
import torch
from scipy import ndimage

from hepareg.geometry import Grid
from hepareg.geometry.boxes import bounding_box
from hepareg.optimisation.block_average import GridImage, block_average, block_factors
from hepareg.volume import Volume

__all__ = ["distance_to_mask", "mask_with_margin"]

DISTANCE_SPACING_MM = 2.5
RIM_MM = 25.0
"""How far around the mask the distance is known; more than any level's margin."""


def mask_with_margin(mask: Volume, margin_mm: float) -> Volume:
    """Return the mask's box and ``margin_mm`` around it as a volume, empty where that lies beyond the image's border.

    It is the same for a cropped image as for the whole one.
    """
    margin = np.ceil(margin_mm / mask.grid.spacing_mm).astype(int)
    start, stop = bounding_box(mask.data)
    first, last = np.maximum(start - margin, 0), np.minimum(stop + margin, mask.shape)
    inside = mask.crop(first, last)
    missing = list(zip(first - (start - margin), (stop + margin) - last, strict=True))
    if not np.any(missing):
        return inside
    matrix = mask.grid.world_from_voxel.copy()
    matrix[:3, 3] = mask.grid.world_points(start - margin)
    return Volume(np.pad(inside.data, missing), Grid(tuple(stop - start + 2 * margin), matrix))


def distance_to_mask(mask: Volume, *, device: torch.device) -> GridImage:
    """Return the distance in mm to a mask, 0 inside, on a grid of about 2.5 mm; crop the mask first.

    The mask's outline is known to about that much, so a finer grid would only cost time.
    """
    factors = block_factors(mask.grid, DISTANCE_SPACING_MM)
    coarse = block_average(mask, factors, window=(0, 1), device=torch.device("cpu"))
    outside = coarse.data.numpy() < 0.5
    if outside.all():
        outside = coarse.data.numpy() <= 0
    # A mask that ends at a face of its array ends there: beyond the face the distance has to grow.
    rim = np.ceil(RIM_MM / coarse.grid.spacing_mm).astype(int)
    start, stop = bounding_box(~outside)
    inside_box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    outside = np.pad(outside[inside_box], [(n, n) for n in rim], constant_values=True)
    distance = ndimage.distance_transform_edt(outside, sampling=coarse.grid.spacing_mm)
    matrix = coarse.grid.world_from_voxel.copy()
    matrix[:3, 3] = coarse.grid.world_points(start - rim)
    return GridImage(torch.from_numpy(distance.astype(np.float32)).to(device), Grid(outside.shape, matrix))
