"""Whether a mask can be a liver's: the tissue under it and its size."""

import numpy as np
import torch
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.geometry import apply_matrix
from hepareg.refinement.images.block_average import GridImage
from hepareg.transforms.warp import sampler_from_voxel, values_at
from hepareg.voxel_tensor import small_tensor

__all__ = ["tissue_homogeneity"]

HALF_WIDTH_HU = 40.0
"""Liver, its vessels in most phases, and most of a lesion lie within this of the liver's median; muscle beside fat and
bone, or several organs, do not."""
MIN_POINTS = 50


def tissue_homogeneity(image: GridImage, points_mm: Points) -> float | None:
    """Return the share of a mask's points that lie within `HALF_WIDTH_HU` of the points' median intensity.

    A liver is one tissue: its own median is compared, so that no phase, no fat and no scanner matters.

    Parameters
    ----------
    image
        The mask's image, averaged over about 5 mm, so that noise counts for little.
    points_mm
        (N, 3) points spread over the mask, world mm of the image. Those outside the image are left out.

    Returns
    -------
    float or None
        0 to 1; None if fewer than `MIN_POINTS` points lie inside the image.
    """
    values = _values_inside(image, points_mm)
    if len(values) < MIN_POINTS:
        return None
    return float(np.mean(np.abs(values - np.median(values)) <= HALF_WIDTH_HU))


def _values_inside(image: GridImage, points_mm: Points) -> NDArray[np.floating]:
    """Return the interpolated intensities of an image at those points that lie inside it."""
    positions = apply_matrix(sampler_from_voxel(image.data.shape) @ image.grid.voxel_from_world, points_mm)
    positions = positions[(np.abs(positions) <= 1).all(axis=1)]
    places = small_tensor(positions, image.data.device, torch.float32)[None, :, None, None]
    return values_at(image.data[None, None], places).flatten().cpu().numpy()
