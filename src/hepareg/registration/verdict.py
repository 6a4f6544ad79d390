"""The verdict: from evidence to accept, review or reject."""

import math
from dataclasses import asdict, dataclass

import numpy as np

from hepareg.refinement.solvers.solution import Status
from hepareg.registration.evidence import Evidence
from hepareg.registration.result import Decision, Verdict

__all__ = ["VerdictSettings", "judge"]


@dataclass(frozen=True)
class VerdictSettings:
    """Limits of the verdict, calibrated on simulated pairs (benchmarks/accuracy).

    Parameters
    ----------
    floor_mm, precision_factor, voxel_factor
        Expected error = sqrt(floor^2 + (precision_factor * precision)^2 + (voxel_factor * voxel^2)^2 +
        (bend_factor * bend)^2 + correction^2 + pull^2): the blocks' disagreement, the bias of interpolation,
        which grows with the square of the voxel size and which all blocks share, what a prediction that was not refined
        is off the optimum, and what grids that run parallel add to the bias. Where both directions were searched, what
        they disagree by takes the place of half of the bias that grows with the voxel: so much shows there.
    bend_factor
        Error of the rigid fit as a share of the bend.
    accept_mm, reject_mm
        Largest expected error that is accepted, and from which on it is rejected.
    max_bend_mm
        A liver that bends by more than this goes to review: no rigid transform fits all of it.
    min_explained, min_basin, min_rival_gap, min_overlap, min_dice
        Below these a result goes to review; far below, basin and overlap reject it.
    start_tolerance
        A result that explains less than its start by more than this share is no optimum.
    confirming_dice, min_basin_confirmed
        Two masks that overlap this well vouch for the place: then so shallow an optimum is enough, as
        very noisy images have it.
    max_inverse_mm
        Above this, as much as half a voxel of the level compared, the two directions contradict each other.
    min_liver_ml, min_tissue
        A mask smaller than any whole liver, or with so little soft tissue in it, may be of something else.
    """

    floor_mm: float = 0.05
    precision_factor: float = 1.0
    voxel_factor: float = 0.018
    bend_factor: float = 0.2
    accept_mm: float = 1.5
    reject_mm: float = 6.0
    max_bend_mm: float = 2.0
    min_explained: float = 0.25
    start_tolerance: float = 0.005
    min_basin: float = 0.25
    min_rival_gap: float = 0.05
    min_overlap: float = 0.5
    min_dice: float = 0.8
    confirming_dice: float = 0.95
    min_basin_confirmed: float = 0.06
    max_inverse_mm: float = 2.5
    min_liver_ml: float = 450.0
    min_tissue: float = 0.85


ALWAYS_REVIEW = frozenset({"no_liver_mask", "finest_level_not_reached", "mask_left_of_the_body_centre"})


def judge(evidence: Evidence, *, settings: VerdictSettings) -> Verdict:
    """Return the verdict on a result."""
    bias_mm = settings.voxel_factor * evidence.voxel_mm**2
    if evidence.directions_error_mm is not None:
        bias_mm = float(np.hypot(evidence.directions_error_mm, bias_mm / 2))
    parts = (
        settings.floor_mm,
        settings.precision_factor * evidence.pose_uncertainty_mm,
        bias_mm,
        settings.bend_factor * evidence.bend_rms_mm,
        evidence.correction_mm,
        evidence.interpolation_pull_mm,
    )
    expected = float(np.linalg.norm(parts))
    fatal = _fatal(evidence, expected, settings)
    doubts = _doubts(evidence, expected, settings)
    if fatal:
        decision = Decision.REJECT
    elif doubts or ALWAYS_REVIEW.intersection(evidence.flags):
        decision = Decision.REVIEW
    else:
        decision = Decision.ACCEPT
    return Verdict(
        decision=decision,
        already_aligned=bool(evidence.displacement_mm <= max(0.5, expected)),
        expected_liver_tre_mm=expected,
        reasons=tuple(dict.fromkeys([*fatal, *doubts, *evidence.flags])),
        evidence=evidence.numbers(),
    )


def _fatal(evidence: Evidence, expected: float, settings: VerdictSettings) -> list[str]:
    found = []
    numbers = [value for value in asdict(evidence).values() if isinstance(value, float)]
    if any(math.isnan(value) for value in numbers):
        found.append("evidence_is_not_a_number")
    if evidence.status is Status.NO_OVERLAP or evidence.overlap_share < 0.4 * settings.min_overlap:
        found.append("liver_outside_moving_image")
    if evidence.status is Status.SINGULAR or not np.isfinite(expected):
        found.append("pose_not_determined")
    elif expected > settings.reject_mm:
        found.append("expected_error_too_large")
    if evidence.basin_depth < 0.2 * _least_basin(evidence, settings):
        found.append("no_distinct_optimum")
    return found


def _doubts(evidence: Evidence, expected: float, settings: VerdictSettings) -> list[str]:
    found = []
    if expected > settings.accept_mm:
        found.append("expected_error_above_limit")
    if evidence.bend_rms_mm > settings.max_bend_mm:
        found.append("liver_bends")
    if evidence.explained_share < settings.min_explained:
        found.append("images_explain_little_of_each_other")
    if evidence.explained_share < evidence.explained_share_start - settings.start_tolerance:
        found.append("start_explains_more")
    if evidence.basin_depth < _least_basin(evidence, settings):
        found.append("flat_optimum")
    if evidence.rival_gap < settings.min_rival_gap:
        found.append("another_pose_fits_as_well")
    if evidence.overlap_share < settings.min_overlap:
        found.append("little_of_the_liver_in_view")
    if evidence.dice_after is not None and evidence.dice_after < settings.min_dice:
        found.append("masks_disagree")
    if evidence.inverse_consistency_mm > settings.max_inverse_mm:
        found.append("directions_disagree")
    if evidence.liver_ml is not None and evidence.liver_ml < settings.min_liver_ml:
        found.append("mask_too_small_for_a_liver")
    if evidence.soft_tissue_share < settings.min_tissue:
        found.append("mask_holds_little_soft_tissue")
    if evidence.status is Status.ITERATION_LIMIT:
        found.append("refinement_did_not_converge")
    if evidence.status is Status.STALLED:
        found.append("refinement_stalled")
    if evidence.status is Status.NOT_IMPROVED:
        found.append("refinement_did_not_improve")
    return found


def _least_basin(evidence: Evidence, settings: VerdictSettings) -> float:
    confirmed = evidence.dice_after is not None and evidence.dice_after >= settings.confirming_dice
    return settings.min_basin_confirmed if confirmed else settings.min_basin
