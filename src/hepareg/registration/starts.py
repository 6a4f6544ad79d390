"""The poses at which the refinement starts: several guesses, each with a name."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.geometry.rotations import about_centre, rotation_from_vector
from hepareg.registration.outlines import body_centre_mm, is_cut_by_border
from hepareg.registration.pose_uncertainty import mean_distances_mm
from hepareg.registration.problem import Problem
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["Start", "StartSettings", "find_starts", "nearest_start"]

ROUNDING = 0.01
"""Share of a slice by which the heights of two grids may differ by rounding."""


@dataclass(frozen=True)
class StartSettings:
    """The guesses that are tried beside those that masks, scanner coordinates and the user give.

    Parameters
    ----------
    rotations_deg
        Rotations about each world axis, both ways, around the likeliest start: follow-up poses, other tables.
    breath_mm
        Shifts along the body, tried unless two masks give the displacement: the liver moves with the breath.
    """

    rotations_deg: tuple[float, ...] = (15.0, 30.0, 45.0)
    breath_mm: tuple[float, ...] = (-30.0, -15.0, 15.0, 30.0)


@dataclass(frozen=True)
class Start:
    """A starting pose, searched_from_reference.

    Parameters
    ----------
    name
        Name of the way in which the pose was found.
    transform
        The pose.
    derived
        Made by shifting or rotating another start; such a start is ignored when the searched image is cropped.
    """

    name: str
    transform: RigidTransform
    derived: bool = False


def find_starts(problem: Problem, *, given: RigidTransform | None = None, settings: StartSettings) -> list[Start]:
    """Return starts to try, the likeliest first.

    With two masks: the translation between their centroids. If the image's border cuts one of them, also between the
    centroids of the parts of equal height below the liver's top (or above its bottom), since the centroid of a cut mask
    is biased. Always: the identity. Without two masks: the translation between the centroids of the bodies, and shifts
    along the body. Around the first start, rotations about all axes. A user's start comes first, but the others are
    tried as well.

    Parameters
    ----------
    problem
        Images and masks.
    given
        The user's guess, moving_from_fixed.
    settings
        The rotations and shifts.
    """
    starts = [] if given is None else [Start("user", problem.direction.to_solver(given))]
    if problem.searched_mask is not None and problem.reference_mask is not None:
        starts += _mask_starts(problem.searched_mask, problem.reference_mask, problem)
    starts.append(Start("identity", RigidTransform.identity()))
    if not problem.has_both_masks:
        outlines = problem.settings.outlines
        centres = (body_centre_mm(image, settings=outlines) for image in (problem.searched, problem.reference))
        body = _shift_start("body_outlines", *centres)
        starts.append(body)
        starts += [_raise(start, shift) for start in (starts[0], body) for shift in settings.breath_mm]
    return starts + _rotate(starts[0].transform, problem.region.centre_mm, settings.rotations_deg)


def nearest_start(starts: Sequence[Start], pose: RigidTransform, points_mm: Points) -> Start:
    """Return the start with the smallest mean distance over points to a pose: the start that led to the pose."""
    distances = mean_distances_mm([start.transform for start in starts], pose, points_mm)
    return starts[int(np.argmin(distances))]


def _mask_starts(searched_mask: Volume, reference_mask: Volume, problem: Problem) -> list[Start]:
    masks = searched_mask, reference_mask
    whole = _shift_start("mask_centroids", *(mask.centroid_mm for mask in masks))
    cuts = [is_cut_by_border(mask, settings=problem.settings.outlines) for mask in masks]
    bottom_cut, top_cut = cuts[0][0] or cuts[1][0], cuts[0][1] or cuts[1][1]
    if not (bottom_cut or top_cut):
        return [whole]
    equal = []
    if not top_cut:
        equal.append(_equal_height_start("liver_tops", masks, from_top=True))
    if not bottom_cut:
        equal.append(_equal_height_start("liver_bottoms", masks, from_top=False))
    return [*equal, whole]


def _equal_height_start(name: str, masks: tuple[Volume, Volume], *, from_top: bool) -> Start:
    """Return the translation of the reference mask's centroid onto the searched mask's, taken over parts of one height.

    The height is that of the shorter mask; each part is as high and lies at the mask's top, or at its bottom.

    Parameters
    ----------
    name
        Name of the start.
    masks
        The searched mask and the reference mask.
    from_top
        Whether the parts lie at the tops.
    """
    heights = [_height_range_mm(mask) for mask in masks]
    height = min(high - low for low, high in heights)
    centroids = []
    for mask, (low, high) in zip(masks, heights, strict=True):
        centroids.append(_slab_centroid_mm(mask, *((high - height, high) if from_top else (low, low + height))))
    return _shift_start(name, *centroids)


def _slice_heights_mm(mask: Volume) -> tuple[int, NDArray[np.floating]]:
    """Return the voxel axis along the body, and the world z in mm of the middle of each slice along that axis."""
    axis, _ = mask.grid.superior_axis
    voxels = np.tile((np.array(mask.shape) - 1) / 2, (mask.shape[axis], 1))
    voxels[:, axis] = np.arange(mask.shape[axis])
    return axis, mask.grid.world_points(voxels)[:, 2]


def _height_range_mm(mask: Volume) -> tuple[float, float]:
    axis, heights = _slice_heights_mm(mask)
    used = heights[mask.profile.counts[axis] > 0]
    return float(used.min()), float(used.max())


def _slab_centroid_mm(mask: Volume, low_mm: float, high_mm: float) -> NDArray[np.floating]:
    """Return the (3,) world centroid in mm of the slices of a mask whose middles lie between two heights in mm."""
    axis, heights = _slice_heights_mm(mask)
    rounding = ROUNDING * float(mask.grid.spacing_mm[axis])
    inside = (heights >= low_mm - rounding) & (heights <= high_mm + rounding)
    slices = np.flatnonzero(inside & (mask.profile.counts[axis] > 0))
    start, stop = np.zeros(3, dtype=int), np.array(mask.shape)
    start[axis], stop[axis] = slices.min(), slices.max() + 1
    return mask.crop(start, stop).centroid_mm


def _shift_start(name: str, searched_point: NDArray[np.floating], reference_point: NDArray[np.floating]) -> Start:
    return Start(name, RigidTransform.from_vectors(np.zeros(3), searched_point - reference_point))


def _raise(start: Start, shift_mm: float) -> Start:
    lift = RigidTransform.from_vectors(np.zeros(3), [0.0, 0.0, shift_mm])
    return Start(f"{start.name}_shifted", RigidTransform(lift.matrix @ start.transform.matrix), derived=True)


def _rotate(pivot: RigidTransform, centre_mm: NDArray[np.floating], angles_deg: tuple[float, ...]) -> list[Start]:
    vectors = np.array(
        [sense * np.radians(angle) * np.eye(3)[axis] for angle in angles_deg for axis in range(3) for sense in (-1, 1)]
    )
    poses = pivot.matrix @ about_centre(rotation_from_vector(vectors), np.zeros(3), centre_mm)
    return [Start("turned", pose, derived=True) for pose in RigidTransform.from_matrices(poses)]
