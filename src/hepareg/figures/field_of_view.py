"""The part of the fixed world that a picture shows: the liver and its neighbourhood, or the whole image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepareg.geometry.boxes import bounding_box
from hepareg.pair import ImagePair
from hepareg.transforms import RigidTransform

__all__ = ["FieldOfView", "field_of_view"]

MARGIN_MM = 30.0
"""Margin shown around the liver: enough for ribs and spine, which need not fit where the liver does."""

LARGEST_MM = 420.0
SMALLEST_MM = 60.0


@dataclass(frozen=True, eq=False)
class FieldOfView:
    """A box of the fixed world along R-L, A-P and S-I, and the point that the three planes have in common."""

    centre_mm: NDArray[np.floating]
    low_mm: NDArray[np.floating]
    high_mm: NDArray[np.floating]

    @property
    def size_mm(self) -> NDArray[np.floating]:
        """(3,) extent along the world's axes."""
        return self.high_mm - self.low_mm

    @property
    def middle_mm(self) -> NDArray[np.floating]:
        """(3,) middle of the box, around which pictures are drawn."""
        return (self.low_mm + self.high_mm) / 2


def field_of_view(pair: ImagePair, *, moving_from_fixed: RigidTransform) -> FieldOfView:
    """Return the box around the fixed liver, in mm of the fixed world.

    Without a fixed mask the box is around the moving liver as the transform places it; without any mask it is the fixed
    image. Planes go through the centroid of that liver, or the middle of the image. The box is clipped to the fixed
    image and to `LARGEST_MM`.
    """
    mask, to_fixed = pair.fixed_mask, RigidTransform.identity()
    if mask is None:
        mask, to_fixed = pair.moving_mask, moving_from_fixed.inverse()
    image = pair.fixed.grid.corners_mm
    if mask is None:
        centre, corners, margin = pair.fixed.grid.centre_mm, image, 0.0
    else:
        centre = to_fixed.apply(mask.centroid_mm)
        corners = to_fixed.apply(mask.grid.crop(*bounding_box(mask.data)).corners_mm)
        margin = MARGIN_MM
    low = np.maximum(corners.min(axis=0) - margin, image.min(axis=0))
    high = np.minimum(corners.max(axis=0) + margin, image.max(axis=0))
    middle = (low + high) / 2
    half = np.clip(high - low, SMALLEST_MM, LARGEST_MM) / 2
    return FieldOfView(centre, middle - half, middle + half)
