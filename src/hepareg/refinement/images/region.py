"""The liver in the reference image: the part whose motion is wanted, and the distance of each point to it."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hepareg.arrays import VoxelArray, slowest_first
from hepareg.geometry.profile import mask_profile
from hepareg.refinement.images.block_average import GridImage, block_average, block_factors
from hepareg.refinement.images.distance import distance_within
from hepareg.volume import Volume

__all__ = ["Region", "RegionSettings", "distance_to_mask", "mask_with_margin"]


@dataclass(frozen=True)
class RegionSettings:
    """Margins around the liver's mask, and resolution of the map of distances to the mask.

    Parameters
    ----------
    margin_mm
        The reference image is cropped to the mask's box and this margin around the box.
    distance_spacing_mm
        Spacing of the map of distances: a mask's outline is accurate to about that, and a finer map only costs time.
    rim_mm
        Margin of the map of distances around the mask's box; more than any level's margin and half a coarse cell.
    reach_mm
        Distances up to this are exact: more than any level's margin and a cell's half diagonal.
    """

    margin_mm: float = 12.0
    distance_spacing_mm: float = 2.5
    rim_mm: float = 28.0
    reach_mm: float = 30.0


@dataclass(frozen=True, eq=False)
class Region:
    """The part of the reference image that is searched for in the other image.

    Parameters
    ----------
    image
        Reference image, cropped to the liver and its surroundings.
    distance
        Distance to the liver's mask in mm, 0 inside.
    centre_mm
        (3,) centroid of the mask, about which rotations are measured, world mm of the reference image.
    origin_vox
        Voxel of ``image`` at which the region would begin if the image went on beyond its border, 0 or less. Blocks of
        voxels are counted from there, so that a cropped image gives the same blocks as the whole one.
    """

    image: Volume
    distance: GridImage
    centre_mm: NDArray[np.floating]
    origin_vox: NDArray[np.int_] = field(default_factory=lambda: np.zeros(3, dtype=int))


def mask_with_margin(mask: Volume, margin_mm: float) -> Volume:
    """Return the mask in a box with ``margin_mm`` around it, zero outside the image.

    The box is the same for a cropped image as for the whole one.
    """
    margin = np.ceil(margin_mm / mask.grid.spacing_mm).astype(int)
    start, stop = mask.profile.box
    first, last = np.maximum(start - margin, 0), np.minimum(stop + margin, mask.shape)
    inside = mask.crop(first, last)
    missing = list(zip(first - (start - margin), (stop + margin) - last, strict=True))
    if not np.any(missing):
        return inside
    return Volume(_pad(inside.data, missing), mask.grid.window(start - margin, stop - start + 2 * margin))


def _pad(voxels: VoxelArray, widths: list[tuple[int, int]]) -> VoxelArray:
    """Return voxels with zeros around them in the same memory order; another order would take ten times as long."""
    shape = [before + size + after for size, (before, after) in zip(voxels.shape, widths, strict=True)]
    place = tuple(slice(before, before + size) for size, (before, _) in zip(voxels.shape, widths, strict=True))
    if isinstance(voxels, Tensor):
        padded = voxels.new_zeros(shape)
    else:
        order = slowest_first(voxels.strides)
        padded = np.zeros([shape[axis] for axis in order], voxels.dtype).transpose(np.argsort(order))
    padded[place] = voxels
    return padded


def distance_to_mask(mask: Volume, *, device: torch.device, settings: RegionSettings) -> GridImage:
    """Return the distance in mm to a mask, 0 inside, on a grid that averages blocks of the mask's; crop it first."""
    factors = block_factors(mask.grid, settings.distance_spacing_mm)
    coarse = block_average(mask, factors, window=(0, 1), device=device)
    inside = coarse.data >= 0.5
    profile = mask_profile(inside)
    if not profile.total:
        inside = coarse.data > 0
        profile = mask_profile(inside)
    # A mask that ends at a face of its array ends there: beyond the face the distance has to grow.
    rim = np.ceil(settings.rim_mm / coarse.grid.spacing_mm).astype(int)
    start, stop = profile.box
    inside = inside[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    inside = functional.pad(inside, [int(n) for n in rim[::-1].repeat(2)])
    distance = distance_within(inside, spacing_mm=coarse.grid.spacing_mm.tolist(), reach_mm=settings.reach_mm)
    return GridImage(distance, coarse.grid.window(start - rim, inside.shape))
