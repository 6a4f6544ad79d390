"""The part of the fixed image whose motion is wanted, as a map of distances to it."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hepareg.arrays import VoxelArray, slowest_first
from hepareg.geometry import Grid
from hepareg.geometry.profile import mask_profile
from hepareg.refinement.images.block_average import GridImage, block_average, block_factors
from hepareg.refinement.images.distance import distance_within
from hepareg.volume import Volume

__all__ = ["FixedRegion", "distance_to_mask", "mask_with_margin"]

DISTANCE_SPACING_MM = 2.5
RIM_MM = 28.0
"""How far around the mask's box the distance is known; more than any level's margin and half a coarse cell."""
REACH_MM = 30.0
"""How far it is exact: with a cell's half diagonal, more than any level asks for."""


@dataclass(frozen=True, eq=False)
class FixedRegion:
    """What of the fixed image is to be found in the moving image.

    Parameters
    ----------
    image
        Fixed image, cropped to the region of interest.
    distance
        Distance to the region's mask in mm.
    centre_mm
        (3,) point about which rotations turn, fixed world.
    origin_vox
        Voxel at which the region would begin if the image went on beyond its border, 0 or less: blocks of voxels
        are counted from there, so that a cropped image gives the same blocks as the whole one.
    """

    image: Volume
    distance: GridImage
    centre_mm: NDArray[np.floating]
    origin_vox: NDArray[np.int_] = field(default_factory=lambda: np.zeros(3, dtype=int))


def mask_with_margin(mask: Volume, margin_mm: float) -> Volume:
    """Return the mask's box and ``margin_mm`` around it as a volume, empty where that lies beyond the image's border.

    It is the same for a cropped image as for the whole one.
    """
    margin = np.ceil(margin_mm / mask.grid.spacing_mm).astype(int)
    start, stop = mask.profile.box
    first, last = np.maximum(start - margin, 0), np.minimum(stop + margin, mask.shape)
    inside = mask.crop(first, last)
    missing = list(zip(first - (start - margin), (stop + margin) - last, strict=True))
    if not np.any(missing):
        return inside
    matrix = mask.grid.world_from_voxel.copy()
    matrix[:3, 3] = mask.grid.world_points(start - margin)
    return Volume(_padded(inside.data, missing), Grid(tuple(stop - start + 2 * margin), matrix))


def _padded(voxels: VoxelArray, widths: list[tuple[int, int]]) -> VoxelArray:
    """Return voxels with zeros around them, in the same order in memory: another order would cost ten times as much."""
    shape = [before + size + after for size, (before, after) in zip(voxels.shape, widths, strict=True)]
    place = tuple(slice(before, before + size) for size, (before, _) in zip(voxels.shape, widths, strict=True))
    if isinstance(voxels, Tensor):
        padded = voxels.new_zeros(shape)
    else:
        order = slowest_first(voxels.strides)
        padded = np.zeros([shape[axis] for axis in order], voxels.dtype).transpose(np.argsort(order))
    padded[place] = voxels
    return padded


def distance_to_mask(mask: Volume, *, device: torch.device) -> GridImage:
    """Return the distance in mm to a mask, 0 inside, on a grid of about 2.5 mm; crop the mask first.

    The mask's outline is known to about that much, so a finer grid would only cost time.
    """
    factors = block_factors(mask.grid, DISTANCE_SPACING_MM)
    coarse = block_average(mask, factors, window=(0, 1), device=device)
    inside = coarse.data >= 0.5
    profile = mask_profile(inside)
    if not profile.total:
        inside = coarse.data > 0
        profile = mask_profile(inside)
    # A mask that ends at a face of its array ends there: beyond the face the distance has to grow.
    rim = np.ceil(RIM_MM / coarse.grid.spacing_mm).astype(int)
    start, stop = profile.box
    inside = inside[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    inside = functional.pad(inside, [int(n) for n in rim[::-1].repeat(2)])
    distance = distance_within(inside, spacing_mm=coarse.grid.spacing_mm.tolist(), reach_mm=REACH_MM)
    matrix = coarse.grid.world_from_voxel.copy()
    matrix[:3, 3] = coarse.grid.world_points(start - rim)
    return GridImage(distance, Grid((*inside.shape,), matrix))
