"""The rules of the verdict that read the witnesses (`witnesses.witnesses.Witnesses`)."""

from hepareg.registration.evidence import Evidence
from hepareg.registration.expected_error import ExpectedError
from hepareg.registration.result import Decision
from hepareg.registration.verdict_rule import Rule, above, below
from hepareg.registration.verdict_settings import VerdictSettings

__all__ = ["WITNESS_DOUBTS", "WITNESS_NOTES", "WITNESS_REJECTIONS"]


def _phases_exchanged(evidence: Evidence, expected: ExpectedError, settings: VerdictSettings) -> bool:
    largest_hu = settings.max_exchanged_contrast_hu
    moving_hu, fixed_hu = evidence.moving_vessel_contrast_hu, evidence.fixed_vessel_contrast_hu
    return moving_hu is not None and fixed_hu is not None and fixed_hu - moving_hu > largest_hu


WITNESS_REJECTIONS = (
    Rule(
        code="mask_is_not_a_liver",
        decision=Decision.REJECT,
        holds=below("mask_homogeneity", "reject_mask_homogeneity"),
        meaning="Under a mask lie several tissues, such as muscle, fat and bone: it is not of the liver.",
        what_to_do="Check the label and that the mask belongs to this image; give a mask of the liver.",
        limits=("reject_mask_homogeneity",),
    ),
)
"""Results of which nothing can be said, since the mask is of something else."""

WITNESS_DOUBTS = (
    Rule(
        code="mask_too_large_for_a_liver",
        decision=Decision.REVIEW,
        holds=above("largest_mask_ml", "max_liver_ml"),
        meaning="A mask has more volume than nearly any liver.",
        what_to_do="Check that the mask is of the liver alone and the right label of a label map.",
        limits=("max_liver_ml",),
    ),
    Rule(
        code="mask_is_mixed",
        decision=Decision.REVIEW,
        holds=below("mask_homogeneity", "min_mask_homogeneity"),
        meaning="A mask holds much tissue unlike the rest of it: other organs, fat, or large lesions of the liver.",
        what_to_do="Check that the mask follows the liver; large lesions alone are no reason for concern.",
        limits=("min_mask_homogeneity",),
    ),
    Rule(
        code="rotation_uncertain",
        decision=Decision.REVIEW,
        holds=above("flatness_mm", "max_flatness_mm"),
        meaning="Turned or shifted by some millimetres the liver would fit nearly as well: little fixes its pose.",
        what_to_do="Check in the picture that vessels meet; a phase or reconstruction that shows vessels may help.",
        limits=("max_flatness_mm",),
    ),
    Rule(
        code="surfaces_part",
        decision=Decision.REVIEW,
        holds=above("surface_shift_mm", "max_surface_shift_mm"),
        meaning="In one part of the liver the masks' surfaces lie apart: it moved by itself, or a mask errs there.",
        what_to_do="Compare both outlines in the picture; do not measure where they part.",
        limits=("max_surface_shift_mm",),
    ),
    Rule(
        code="sizes_differ",
        decision=Decision.REVIEW,
        holds=above("stretch_share", "max_stretch_share"),
        meaning="The liver is longer in one image than in the other: squeezed by a breath, or a wrong voxel size.",
        what_to_do="Check spacing and number of slices in both headers; compare the spine in both images.",
        limits=("max_stretch_share",),
    ),
    Rule(
        code="slabs_shifted",
        decision=Decision.REVIEW,
        holds=above("slab_shift_mm", "max_slab_shift_mm"),
        meaning="Higher and lower parts of the liver are shifted against each other between the two images.",
        what_to_do="Look at both images from the front for a step or a slant; the patient may have breathed.",
        limits=("max_slab_shift_mm",),
    ),
    Rule(
        code="slices_out_of_order",
        decision=Decision.REVIEW,
        holds=above("slice_order_ratio", "max_slice_order_ratio"),
        meaning="In one image slices far apart resemble each other more than neighbours: shuffled or repeated.",
        what_to_do="Look at both images from the front for teeth; export the series again, sorted by position.",
        limits=("max_slice_order_ratio",),
    ),
    Rule(
        code="slices_missing",
        decision=Decision.REVIEW,
        holds=above("slice_gap", "max_slice_gap"),
        meaning="One image has a step between two slices: slices are missing, or the patient breathed in the scan.",
        what_to_do="Look at both images from the front for a step; trust the result on one side of it at most.",
        limits=("max_slice_gap",),
    ),
)
"""Doubts, each of which makes a result at best one for review."""

WITNESS_NOTES = (
    Rule(
        code="phases_exchanged",
        decision=Decision.ACCEPT,
        holds=_phases_exchanged,
        meaning="The fixed image looks arterial and the moving image does not: they may have been exchanged.",
        what_to_do="The alignment holds; check which image is which before you use the result.",
        limits=("max_exchanged_contrast_hu",),
    ),
)
"""Circumstances that change no decision."""
