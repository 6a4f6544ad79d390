"""Measurements of outlines: the body's centroid, and whether the image's border cuts the liver's mask."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepareg.geometry.profile import mask_profile
from hepareg.volume import Volume

__all__ = ["OutlineSettings", "body_centre_mm", "is_cut_by_border"]

THINNING = 4
"""The body's centre is taken from every fourth voxel along each axis: enough for a start."""


@dataclass(frozen=True)
class OutlineSettings:
    """Limits of intensity for the body, and of area for a mask that counts as cut.

    Parameters
    ----------
    body_hu
        Voxels above this belong to the body.
    bottom_cut_share, top_cut_share
        A mask is cut if its area in a border slice is more than this share of its largest slice. The limit is higher
        at the upper end, because images are cropped at the liver's top: in slices 5 mm apart the first slice of a dome
        may hold an eighth of the largest slice's area.
    """

    body_hu: float = -300.0
    bottom_cut_share: float = 0.1
    top_cut_share: float = 0.25


def body_centre_mm(image: Volume, *, settings: OutlineSettings) -> NDArray[np.floating]:
    """Return the (3,) world centroid in mm of the voxels above ``settings.body_hu``; without one, the image's centre.

    Every fourth voxel along each axis counts, and so do the table and the arms.
    """
    thin = tuple(slice(None, None, THINNING) for _ in range(3))
    body = mask_profile(image.data[thin] > settings.body_hu)
    return image.grid.world_points(THINNING * body.centroid_vox) if body.total else image.grid.centre_mm


def is_cut_by_border(mask: Volume, *, settings: OutlineSettings) -> tuple[bool, bool]:
    """Return whether the image's border cuts a mask at the mask's inferior end, and whether at the superior end."""
    axis, sense = mask.grid.superior_axis
    areas = mask.profile.counts[axis]
    if sense < 0:
        areas = areas[::-1]
    bottom, top = settings.bottom_cut_share * areas.max(), settings.top_cut_share * areas.max()
    return bool(areas[0] > bottom), bool(areas[-1] > top)
