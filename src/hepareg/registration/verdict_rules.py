"""The rules of the verdict: for each reason code its condition, its meaning and advice for the user."""

import math

from hepareg.refinement.solvers.solution import Status
from hepareg.registration.evidence import Evidence
from hepareg.registration.expected_error import ExpectedError
from hepareg.registration.result import Decision
from hepareg.registration.verdict_rule import Condition, Rule, above, below
from hepareg.registration.verdict_settings import VerdictSettings
from hepareg.registration.witness_rules import WITNESS_DOUBTS, WITNESS_NOTES, WITNESS_REJECTIONS

__all__ = ["RULES", "rule_of"]


def _flag(code: str) -> Condition:
    """Return the condition that the evidence carries a flag."""
    return lambda evidence, expected, settings: code in evidence.flags


def _ended(status: Status) -> Condition:
    """Return the condition that the finest level ended with a status."""
    return lambda evidence, expected, settings: evidence.status is status


def _confirmed(evidence: Evidence, settings: VerdictSettings) -> bool:
    """Return whether the masks' Dice after registration is at least ``confirming_dice``; false without both masks."""
    return evidence.dice_after is not None and evidence.dice_after >= settings.confirming_dice


def _not_a_number(evidence: Evidence, expected: ExpectedError, settings: VerdictSettings) -> bool:
    return any(isinstance(value, float) and math.isnan(value) for value in vars(evidence).values())


def _outside(evidence: Evidence, expected: ExpectedError, settings: VerdictSettings) -> bool:
    return evidence.status is Status.NO_OVERLAP or evidence.overlap_share < settings.reject_overlap_share


def _not_determined(evidence: Evidence, expected: ExpectedError, settings: VerdictSettings) -> bool:
    return evidence.status is Status.SINGULAR or not math.isfinite(expected.mean_mm)


def _too_large(evidence: Evidence, expected: ExpectedError, settings: VerdictSettings) -> bool:
    return not _not_determined(evidence, expected, settings) and expected.mean_mm > settings.reject_mm


def _above_limit(evidence: Evidence, expected: ExpectedError, settings: VerdictSettings) -> bool:
    return not (expected.mean_mm <= settings.accept_mm and expected.p95_mm <= settings.accept_p95_mm)


def _not_distinct(evidence: Evidence, expected: ExpectedError, settings: VerdictSettings) -> bool:
    if _confirmed(evidence, settings):
        return evidence.basin_depth < settings.reject_basin_depth_confirmed
    return evidence.basin_depth < settings.reject_basin_depth


def _flat(evidence: Evidence, expected: ExpectedError, settings: VerdictSettings) -> bool:
    if _confirmed(evidence, settings):
        return evidence.basin_depth < settings.min_basin_depth_confirmed
    return evidence.basin_depth < settings.min_basin_depth


def _start_is_better(evidence: Evidence, expected: ExpectedError, settings: VerdictSettings) -> bool:
    return evidence.explained_share < evidence.explained_share_start - settings.explained_share_tolerance


RULES = (
    Rule(
        code="evidence_is_not_a_number",
        decision=Decision.REJECT,
        holds=_not_a_number,
        meaning="A number behind the verdict could not be computed, so the result cannot be judged.",
        what_to_do="Check that both images are complete and show the liver; if they do, report a fault of hepareg.",
    ),
    Rule(
        code="liver_outside_moving_image",
        decision=Decision.REJECT,
        holds=_outside,
        meaning="With this transform hardly any of the liver lies inside the other image.",
        what_to_do="Check that both images show the liver; give a transform to start from, or both liver masks.",
        limits=("reject_overlap_share",),
    ),
    Rule(
        code="pose_not_determined",
        decision=Decision.REJECT,
        holds=_not_determined,
        meaning="Too little of the liver, or of its vessels, is visible to determine position and rotation.",
        what_to_do="Check that the mask covers the whole liver; use a phase or a reconstruction that shows vessels.",
    ),
    Rule(
        code="expected_error_too_large",
        decision=Decision.REJECT,
        holds=_too_large,
        meaning="The parts of the liver disagree so much that the transform is expected to be far off.",
        what_to_do="Check that the images show one patient and the masks are right; give a transform to start from.",
        limits=("reject_mm",),
    ),
    Rule(
        code="no_distinct_optimum",
        decision=Decision.REJECT,
        holds=_not_distinct,
        meaning="Poses some millimetres away fit the images as well as this one, so its place is arbitrary.",
        what_to_do="Check that the masks lie on the liver and that the images show one patient, not mirrored.",
        limits=("confirming_dice", "reject_basin_depth", "reject_basin_depth_confirmed"),
    ),
    *WITNESS_REJECTIONS,
    Rule(
        code="expected_error_above_limit",
        decision=Decision.REVIEW,
        holds=_above_limit,
        meaning="The expected error, on average or in a part of the liver, is larger than the limit for acceptance.",
        what_to_do="Compare vessels and liver outline in the picture; rely on no place where they part.",
        limits=("accept_mm", "accept_p95_mm"),
    ),
    Rule(
        code="liver_bends",
        decision=Decision.REVIEW,
        holds=above("left_p95_mm", "max_left_p95_mm"),
        meaning="A part of the liver has moved otherwise than the rest, so no rigid transform fits all of it.",
        what_to_do="Check the region that matters to you in the picture; do not measure where the outlines part.",
        limits=("max_left_p95_mm",),
    ),
    *WITNESS_DOUBTS,
    Rule(
        code="images_explain_little_of_each_other",
        decision=Decision.REVIEW,
        holds=below("explained_share", "min_explained_share"),
        meaning="Inside the liver the two images have little in common, even in the pose that was found.",
        what_to_do="Check that both show one patient and the liver; strong noise or streaks can also be the cause.",
        limits=("min_explained_share",),
    ),
    Rule(
        code="start_explains_more",
        decision=Decision.REVIEW,
        holds=_start_is_better,
        meaning="The pose from which the search began fits the images better than the result.",
        what_to_do="Compare before and after in the picture; give a transform to start from, or both liver masks.",
        limits=("explained_share_tolerance",),
    ),
    Rule(
        code="flat_optimum",
        decision=Decision.REVIEW,
        holds=_flat,
        meaning="Poses some millimetres away fit the images nearly as well as this one.",
        what_to_do="Check in the picture that vessels meet; two liver masks that agree can confirm the place.",
        limits=("confirming_dice", "min_basin_depth", "min_basin_depth_confirmed"),
    ),
    Rule(
        code="another_pose_fits_as_well",
        decision=Decision.REVIEW,
        holds=below("rival_gap", "min_rival_gap"),
        meaning="Another pose, clearly apart from this one, fits the images almost as well.",
        what_to_do="Check in the picture that vessels meet; give a transform to start from, or both liver masks.",
        limits=("min_rival_gap",),
    ),
    Rule(
        code="little_of_the_liver_in_view",
        decision=Decision.REVIEW,
        holds=below("overlap_share", "min_overlap_share"),
        meaning="Only a small part of the liver is visible in both images; nothing is known of the rest.",
        what_to_do="Trust the result only where both images show the liver; use scans that cover more of it.",
        limits=("min_overlap_share",),
    ),
    Rule(
        code="masks_disagree",
        decision=Decision.REVIEW,
        holds=below("dice_after", "min_dice"),
        meaning="After registration the two liver masks still do not lie on each other.",
        what_to_do="Check that each mask is complete and of its own image; if so, the liver has changed its shape.",
        limits=("min_dice",),
    ),
    Rule(
        code="directions_disagree",
        decision=Decision.REVIEW,
        holds=above("inverse_consistency_mm", "max_inverse_consistency_mm"),
        meaning="Registering the images in exchanged roles would lead to another transform.",
        what_to_do="Check the picture; register with the images exchanged and compare both with `hepareg compare`.",
        limits=("max_inverse_consistency_mm",),
    ),
    Rule(
        code="mask_too_small_for_a_liver",
        decision=Decision.REVIEW,
        holds=below("liver_ml", "min_liver_ml"),
        meaning="A mask has less volume than a whole liver.",
        what_to_do="Check that the mask is of the liver, complete, and the right label of a label map.",
        limits=("min_liver_ml",),
    ),
    Rule(
        code="mask_holds_little_soft_tissue",
        decision=Decision.REVIEW,
        holds=below("soft_tissue_share", "min_soft_tissue_share"),
        meaning="A good part of the mask lies on air, lung, fat or bone.",
        what_to_do="Check that the mask belongs to this image and has not slipped off the liver.",
        limits=("min_soft_tissue_share",),
    ),
    Rule(
        code="refinement_did_not_converge",
        decision=Decision.REVIEW,
        holds=_ended(Status.ITERATION_LIMIT),
        meaning="The search was still moving the transform when it ran out of steps.",
        what_to_do="Check the picture; give a transform to start from, or both liver masks.",
    ),
    Rule(
        code="refinement_stalled",
        decision=Decision.REVIEW,
        holds=_ended(Status.STALLED),
        meaning="The search got stuck before it reached an optimum.",
        what_to_do="Check the picture; give another transform to start from, or both liver masks.",
    ),
    Rule(
        code="refinement_did_not_improve",
        decision=Decision.REVIEW,
        holds=_ended(Status.NOT_IMPROVED),
        meaning="The last stage of the search found nothing better than the result of the stage before.",
        what_to_do="Check the picture; the result is that of a coarser image.",
    ),
    Rule(
        code="no_liver_mask",
        decision=Decision.REVIEW,
        holds=_flag("no_liver_mask"),
        meaning="No liver mask was given, so that the registration may have followed another organ or the body.",
        what_to_do="Give both liver masks, or one at least; without them check that the liver itself is aligned.",
    ),
    Rule(
        code="no_liver_found",
        decision=Decision.REVIEW,
        holds=_flag("no_liver_found"),
        meaning="No region that could be the liver was found, so that the whole image was aligned.",
        what_to_do="Give both liver masks, or one at least.",
    ),
    Rule(
        code="surfaces_decide",
        decision=Decision.REVIEW,
        holds=_flag("surfaces_decide"),
        meaning="Images and mask outlines contradict each other, and the liver shows no vessels: the outlines decided.",
        what_to_do="Check in the picture that the outlines are right and meet; a phase that shows vessels is safer.",
    ),
    Rule(
        code="mask_cut_by_border",
        decision=Decision.ACCEPT,
        holds=_flag("mask_cut_by_border"),
        meaning="The border of an image cuts through the liver; the part outside is not seen.",
        what_to_do="No action is needed if the part that matters to you is inside both images.",
    ),
    Rule(
        code="mask_left_of_the_body_centre",
        decision=Decision.REVIEW,
        holds=_flag("mask_left_of_the_body_centre"),
        meaning="The mask lies in the left half of the body: it may be the spleen, or an image may be mirrored.",
        what_to_do="Check the mask and the orientation in the header of the image.",
    ),
    Rule(
        code="finest_level_not_reached",
        decision=Decision.REVIEW,
        holds=_flag("finest_level_not_reached"),
        meaning="The search could not use the finest images, so that the result is that of coarser ones.",
        what_to_do="Check the picture; images with thinner slices, or that show more of the liver, may help.",
    ),
    *WITNESS_NOTES,
)
"""Every reason, the most important first: rejections, doubts, then circumstances of the input."""


def rule_of(code: str) -> Rule:
    """Return the rule of a reason code; KeyError if no rule has it."""
    return {rule.code: rule for rule in RULES}[code]
