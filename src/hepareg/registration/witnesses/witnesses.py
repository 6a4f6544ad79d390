"""All witnesses of one registration."""

from dataclasses import dataclass

import numpy as np

from hepareg.geometry.boxes import VoxelBox, box_around_points
from hepareg.preprocessing.slice_sequence import SliceSequence, slice_sequence
from hepareg.registration.problem import Problem
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["Witnesses", "gather_witnesses"]


@dataclass(frozen=True, kw_only=True)
class Witnesses:
    """Numbers for or against a result that no weight of the fit can reduce. Each is None if it cannot be measured.

    Parameters
    ----------
    slice_order_ratio
        Largest difference between two neighbouring slices of an image, relative to the smallest difference from a
        slice 2 to 8 slices away: below 1 in sequence, above it if slices are shuffled or repeated (`SliceSequence`).
    slice_gap
        Number of slices that two neighbouring slices seem to lie apart: 1 in sequence, more where slices are lost or
        the liver jumped during the scan (`SliceSequence`).
    """

    slice_order_ratio: float | None = None
    slice_gap: float | None = None


def gather_witnesses(problem: Problem, result: RigidTransform) -> Witnesses:
    """Return the witnesses on a result.

    Parameters
    ----------
    problem
        The images and masks.
    result
        The pose to be judged, searched_from_reference.
    """
    sequences = _slice_sequences(problem, result)
    return Witnesses(
        slice_order_ratio=max((found.order_ratio for found in sequences), default=None),
        slice_gap=max((found.gap_slices for found in sequences), default=None),
    )


def _slice_sequences(problem: Problem, result: RigidTransform) -> list[SliceSequence]:
    """Return the sequence of slices of both images around the liver, of those images that show enough of it."""
    boxes = (
        (problem.reference, _liver_box(problem.reference, problem.reference_mask, problem, RigidTransform.identity())),
        (problem.searched, _liver_box(problem.searched, problem.searched_mask, problem, result)),
    )
    found = [slice_sequence(image, box) for image, box in boxes if box is not None]
    return [sequence for sequence in found if sequence is not None]


def _liver_box(image: Volume, mask: Volume | None, problem: Problem, pose: RigidTransform) -> VoxelBox | None:
    """Return the voxels of an image around its mask; without a mask, those around the liver that a pose places."""
    if mask is not None:
        return mask.profile.box
    return box_around_points(image.grid, pose.apply(np.asarray(problem.points_mm)))
