"""All witnesses of one registration."""

from dataclasses import dataclass

import numpy as np

from hepareg.arrays import Points
from hepareg.geometry.boxes import VoxelBox, box_around_points
from hepareg.geometry.masked import spread_points_mm
from hepareg.preprocessing.slice_sequence import SliceSequence, slice_sequence
from hepareg.refinement.level import Level
from hepareg.registration.problem import Problem
from hepareg.registration.witnesses.flatness import flatness_mm
from hepareg.registration.witnesses.mask_tissue import tissue_homogeneity
from hepareg.registration.witnesses.simple_motion import simple_motion
from hepareg.registration.witnesses.surface_shift import surface_shift_mm
from hepareg.registration.witnesses.vessel_contrast import vessel_contrast_hu
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["Witnesses", "gather_witnesses"]


@dataclass(frozen=True, kw_only=True)
class Witnesses:
    """Numbers for or against a result that the robust weights of the fit cannot reduce.

    Each is None if it could not be measured.

    Parameters
    ----------
    slice_order_ratio
        Largest difference between two neighbouring slices of an image, relative to the smallest difference from a
        slice 2 to 8 slices away: below 1 in sequence, above it if slices are shuffled or repeated (`SliceSequence`).
    slice_gap
        Number of slices that two neighbouring slices seem to lie apart: 1 in sequence, more where slices are lost or
        the liver jumped during the scan (`SliceSequence`).
    mask_homogeneity
        Share of a mask, 0 to 1, whose tissue lies within 40 HU of the mask's median; that of the more mixed mask.
    largest_mask_ml
        Volume of the larger mask.
    surface_shift_mm
        Distance between the two masks' surfaces after registration, averaged over a part of the liver 45 mm wide; that
        of the part with the largest.
    stretch_share
        Largest stretch of the liver between the images, along any direction, as a share of its length.
    slab_shift_mm
        Root mean square shift of slabs 20 mm thick, parallel to the slices, after registration.
    moving_vessel_contrast_hu, fixed_vessel_contrast_hu
        HU by which the largest vessel near the spine is brighter than the liver, in either image
        (`vessel_contrast_hu`); measured with two masks.
    flatness_mm
        Expected error from how little worse poses 4 mm away explain the images (`flatness.flatness_mm`).
    """

    slice_order_ratio: float | None = None
    slice_gap: float | None = None
    mask_homogeneity: float | None = None
    largest_mask_ml: float | None = None
    surface_shift_mm: float | None = None
    stretch_share: float | None = None
    slab_shift_mm: float | None = None
    flatness_mm: float | None = None
    moving_vessel_contrast_hu: float | None = None
    fixed_vessel_contrast_hu: float | None = None


def gather_witnesses(
    problem: Problem, compared: Level, result: RigidTransform, *, optimum: RigidTransform
) -> Witnesses:
    """Return the witnesses on a result.

    Parameters
    ----------
    problem
        The images and masks.
    compared
        The level on which poses were compared, whose voxels are about 5 mm wide.
    result
        The pose to be judged, searched_from_reference.
    optimum
        The optimum of the images, at which its flatness is measured.
    """
    sequences = _slice_sequences(problem, result)
    masks = [mask for mask in (problem.reference_mask, problem.searched_mask) if mask is not None]
    motion = simple_motion(compared, result)
    fixed_hu, moving_hu = problem.direction.order(*_vessel_contrasts(problem))
    return Witnesses(
        slice_order_ratio=max((found.order_ratio for found in sequences), default=None),
        slice_gap=max((found.gap_slices for found in sequences), default=None),
        mask_homogeneity=_homogeneity(problem, compared),
        largest_mask_ml=max((mask.profile.total * mask.grid.voxel_volume_mm3 / 1000 for mask in masks), default=None),
        surface_shift_mm=surface_shift_mm(*problem.surfaces, result) if problem.surfaces else None,
        stretch_share=None if motion is None else motion.stretch_share,
        slab_shift_mm=None if motion is None else motion.slab_shift_mm,
        flatness_mm=flatness_mm(compared, optimum),
        moving_vessel_contrast_hu=moving_hu,
        fixed_vessel_contrast_hu=fixed_hu,
    )


def _homogeneity(problem: Problem, compared: Level) -> float | None:
    """Return the smaller homogeneity of the given masks' tissue (`tissue_homogeneity`)."""
    found = [
        tissue_homogeneity(image, _points_mm(mask, problem))
        for image, mask in (
            (compared.reference, problem.reference_mask),
            (compared.searched, problem.searched_mask),
        )
        if mask is not None
    ]
    return min((share for share in found if share is not None), default=None)


def _vessel_contrasts(problem: Problem) -> tuple[float | None, float | None]:
    """Return the contrast of the reference's and the searched image's largest vessel; None without both masks.

    The place of a vessel is counted from the body's centre, and with one mask a part of the body is cropped away.
    """
    if problem.reference_mask is None or problem.searched_mask is None:
        return None, None
    return (
        vessel_contrast_hu(problem.reference, problem.points_mm),
        vessel_contrast_hu(problem.searched, _points_mm(problem.searched_mask, problem)),
    )


def _points_mm(mask: Volume, problem: Problem) -> Points:
    return spread_points_mm(mask.data, mask.grid, count=problem.settings.num_points, profile=mask.profile)


def _slice_sequences(problem: Problem, result: RigidTransform) -> list[SliceSequence]:
    """Return the sequence of slices of both images around the liver, of those images that show enough of it."""
    boxes = (
        (problem.reference, _liver_box(problem.reference, problem.reference_mask, problem.points_mm)),
        (problem.searched, _liver_box(problem.searched, problem.searched_mask, result.apply(problem.points_mm))),
    )
    found = [slice_sequence(image, box) for image, box in boxes if box is not None]
    return [sequence for sequence in found if sequence is not None]


def _liver_box(image: Volume, mask: Volume | None, points_mm: Points) -> VoxelBox | None:
    """Return the voxels of an image around its mask; without a mask, those around given points of the liver."""
    return mask.profile.box if mask is not None else box_around_points(image.grid, np.asarray(points_mm))
