"""Where the refinement starts from: several guesses, each with a name."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepareg.geometry.profile import mask_profile
from hepareg.geometry.rotations import about_centre, rotation_from_vector
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["Start", "body_centre", "border_cut", "find_starts"]

TURNS_DEG = (15.0, 30.0, 45.0)
"""Rotations about each world axis that are tried around the best translation: follow-up poses, other tables."""
BREATH_MM = (-30.0, -15.0, 15.0, 30.0)
"""Cranio-caudal shifts that are tried where no pair of masks tells the displacement."""
CUT_SHARE = 0.1
TOP_CUT_SHARE = 0.25
"""A mask is cut where its area in a border slice is more than this share of its largest slice.

More at the upper end, where images are limited at the liver's top: in slices 5 mm apart the first
slice of a dome may hold an eighth of the largest one's area.
"""
BODY_HU = -300.0


@dataclass(frozen=True)
class Start:
    """A guess of moving_from_fixed, how it was made, and whether it is another guess, shifted or turned."""

    name: str
    transform: RigidTransform
    derived: bool = False


def border_cut(mask: Volume) -> tuple[bool, bool]:
    """Return whether a mask is cut by the image's border at its inferior and at its superior end."""
    axis, sense = mask.grid.superior_axis
    profile = mask.profile.counts[axis]
    if sense < 0:
        profile = profile[::-1]
    return bool(profile[0] > CUT_SHARE * profile.max()), bool(profile[-1] > TOP_CUT_SHARE * profile.max())


def find_starts(
    *,
    moving: Volume,
    fixed: Volume,
    moving_mask: Volume | None,
    fixed_mask: Volume | None,
    centre_mm: NDArray[np.floating],
    given: RigidTransform | None = None,
) -> list[Start]:
    """Return starts to try, the likeliest first.

    With two masks: their centroids, and where the image's border cuts one of them, the centroids of
    the parts of equal height below the liver's top (or above its bottom), since a cut mask's own
    centroid is biased. Always: the identity, and the bodies' outlines. Around the first of them,
    turns about all axes. A user's start comes first but is not trusted blindly either.
    """
    starts = [] if given is None else [Start("user", given)]
    if moving_mask is not None and fixed_mask is not None:
        starts += _mask_starts(moving_mask, fixed_mask)
    starts.append(Start("identity", RigidTransform.identity()))
    if moving_mask is None or fixed_mask is None:
        body = _shift("body_outlines", body_centre(moving), body_centre(fixed))
        starts.append(body)
        starts += [_raised(start, shift) for start in (starts[0], body) for shift in BREATH_MM]
    pivot = starts[0].transform
    return starts + _turns(pivot, centre_mm)


def _mask_starts(moving_mask: Volume, fixed_mask: Volume) -> list[Start]:
    whole = _shift("mask_centroids", _centroid(moving_mask), _centroid(fixed_mask))
    cuts = border_cut(moving_mask), border_cut(fixed_mask)
    bottom_cut, top_cut = cuts[0][0] or cuts[1][0], cuts[0][1] or cuts[1][1]
    if not (bottom_cut or top_cut):
        return [whole]
    equal = []
    if not top_cut:
        equal.append(_equal_height("liver_tops", moving_mask, fixed_mask, from_top=True))
    if not bottom_cut:
        equal.append(_equal_height("liver_bottoms", moving_mask, fixed_mask, from_top=False))
    return [*equal, whole]


def _equal_height(name: str, moving_mask: Volume, fixed_mask: Volume, *, from_top: bool) -> Start:
    """Compare the parts of both livers that lie within the smaller one's height of the same end."""
    heights = [_world_height(mask) for mask in (moving_mask, fixed_mask)]
    height = min(high - low for low, high in heights)
    centroids = []
    for mask, (low, high) in zip((moving_mask, fixed_mask), heights, strict=True):
        centroids.append(_centroid(mask, (high - height, high) if from_top else (low, low + height)))
    return _shift(name, *centroids)


def _profile(mask: Volume) -> tuple[int, NDArray[np.floating], NDArray[np.int_]]:
    """Return the axis along the body, the world height of its slices (through the grid's middle), and their area."""
    axis, _ = mask.grid.superior_axis
    voxels = np.tile((np.array(mask.shape) - 1) / 2, (mask.shape[axis], 1))
    voxels[:, axis] = np.arange(mask.shape[axis])
    area = mask.profile.counts[axis]
    return axis, mask.grid.world_points(voxels)[:, 2], area


def _world_height(mask: Volume) -> tuple[float, float]:
    _, heights, area = _profile(mask)
    used = heights[area > 0]
    return float(used.min()), float(used.max())


def _centroid(mask: Volume, between_mm: tuple[float, float] | None = None) -> NDArray[np.floating]:
    if between_mm is None:
        return mask.grid.world_points(mask.profile.centroid_vox)
    axis, heights, area = _profile(mask)
    rounding = 0.01 * float(mask.grid.spacing_mm[axis])
    inside = (heights >= between_mm[0] - rounding) & (heights <= between_mm[1] + rounding)
    slices = np.flatnonzero(inside & (area > 0))
    start, stop = np.zeros(3, dtype=int), np.array(mask.shape)
    start[axis], stop[axis] = slices.min(), slices.max() + 1
    part = mask.crop(start, stop)
    return part.grid.world_points(part.profile.centroid_vox)


def body_centre(image: Volume) -> NDArray[np.floating]:
    """Return the centroid of what is denser than air, on every fourth voxel."""
    thin = tuple(slice(None, None, 4) for _ in range(3))
    body = mask_profile(image.data[thin] > BODY_HU)
    return image.grid.world_points(4 * body.centroid_vox) if body.total else image.grid.centre_mm


def _shift(name: str, moving_point: NDArray[np.floating], fixed_point: NDArray[np.floating]) -> Start:
    return Start(name, RigidTransform.from_vectors(np.zeros(3), moving_point - fixed_point))


def _raised(start: Start, shift_mm: float) -> Start:
    lift = RigidTransform.from_vectors(np.zeros(3), [0.0, 0.0, shift_mm])
    return Start(f"{start.name}_shifted", RigidTransform(lift.matrix @ start.transform.matrix), derived=True)


def _turns(pivot: RigidTransform, centre_mm: NDArray[np.floating]) -> list[Start]:
    vectors = np.array(
        [sense * np.radians(angle) * np.eye(3)[axis] for angle in TURNS_DEG for axis in range(3) for sense in (-1, 1)]
    )
    turns = pivot.matrix @ about_centre(rotation_from_vector(vectors), np.zeros(3), centre_mm)
    return [Start("turned", turn, derived=True) for turn in RigidTransform.from_matrices(turns)]
