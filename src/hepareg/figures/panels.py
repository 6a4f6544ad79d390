"""The two panels of a plane: a checkerboard of both images, and the liver outlines on one of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepareg.figures.planes import Plane
from hepareg.figures.shading import FIXED_RGB, MOVING_RGB, Pixels, checkerboard, draw_outline, fusion, grey
from hepareg.geometry.boxes import bounding_box
from hepareg.pair import ImagePair
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = [
    "Sampled",
    "checkerboard_panel",
    "crop_masks",
    "outline_caption",
    "outline_panel",
    "sample_fixed",
    "sample_moving",
]

TILE_MM = 24.0

FIXED_LINE_PX, MOVING_LINE_PX = 4.0, 1.8
"""The moving outline is drawn last and thinner: two outlines that agree look like a thin line inside a broad one."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """One image on a plane: (rows, columns) brightness, and the weight of its liver mask or None."""

    image: NDArray[np.float32]
    liver: NDArray[np.float32] | None


def crop_masks(pair: ImagePair) -> ImagePair:
    """Return the pair with bool masks cropped to their liver and one voxel around it; an empty mask becomes None."""
    return ImagePair(pair.moving, pair.fixed, _cropped(pair.moving_mask), _cropped(pair.fixed_mask))


def sample_fixed(pair: ImagePair, plane: Plane) -> Sampled:
    """Return the fixed image and liver on a plane of the fixed world."""
    return _sampled(plane, pair.fixed, pair.fixed_mask, RigidTransform.identity())


def sample_moving(pair: ImagePair, plane: Plane, moving_from_fixed: RigidTransform) -> Sampled:
    """Return the moving image and liver on a plane of the fixed world."""
    return _sampled(plane, pair.moving, pair.moving_mask, moving_from_fixed)


def checkerboard_panel(plane: Plane, fixed: Sampled, moving: Sampled) -> Pixels:
    """Return the checkerboard; a structure that continues across the borders of the tiles is aligned."""
    return checkerboard(fixed.image, moving.image, tile_px=max(round(TILE_MM / plane.pixel_mm), 4))


def outline_panel(fixed: Sampled, moving: Sampled) -> Pixels:
    """Return the liver outlines on the moving image, or the substitute that `outline_caption` names."""
    if fixed.liver is None and moving.liver is None:
        return fusion(fixed.image, moving.image)
    ground = fixed.image if fixed.liver is None else moving.image
    picture = np.repeat(ground[..., None], 3, axis=2)
    if fixed.liver is not None:
        picture = draw_outline(picture, fixed.liver, FIXED_RGB, width_px=FIXED_LINE_PX)
    if moving.liver is not None:
        only = fixed.liver is None
        width_px = FIXED_LINE_PX if only else MOVING_LINE_PX
        picture = draw_outline(picture, moving.liver, MOVING_RGB, width_px=width_px, rim=only)
    return picture


def outline_caption(pair: ImagePair) -> str:
    """Return the words above the outline panel, which depend on the masks given."""
    if not pair.masks:
        return "both images on each other: a colour where only one is bright"
    if pair.moving_mask is None:
        return "liver outline of the fixed image on the moving image"
    if pair.fixed_mask is None:
        return "liver outline of the moving image on the fixed image"
    return "both liver outlines on the moving image"


def _sampled(plane: Plane, image: Volume, mask: Volume | None, moving_from_fixed: RigidTransform) -> Sampled:
    liver = None if mask is None else plane.sample(mask, moving_from_fixed=moving_from_fixed, padding=0)
    return Sampled(grey(plane.sample(image, moving_from_fixed=moving_from_fixed)), liver)


def _cropped(mask: Volume | None) -> Volume | None:
    if mask is None or not mask.data.any():
        return None
    part = mask.crop(*bounding_box(mask.data, margin_vox=1))
    return part.with_data(part.data != 0)
