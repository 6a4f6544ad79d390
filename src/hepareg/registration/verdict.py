"""The verdict: from evidence to accept, review or reject."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from hepareg.refinement.solvers.solution import Status
from hepareg.registration.result import Decision, Verdict

__all__ = ["Evidence", "VerdictSettings", "judge"]


@dataclass(frozen=True)
class Evidence:
    """Numbers that speak for or against a result; each can be computed without knowing the truth.

    Parameters
    ----------
    precision_mm
        Expected TRE from the disagreement of the liver's blocks (`evidence.precision`).
    voxel_mm
        Cube root of the voxel volume of the coarser image, at the finest level.
    explained
        Share of the fixed image's local variance that the result explains, finest level, 0 to 1.
    explained_start
        The same for the best start; where that seems to explain more, as it compares on what both show.
    basin
        How much less a wrong pose 8 mm away explains, as a share of what the result leaves
        unexplained at the middle level: the smallest over twelve directions.
    rival_gap
        How much less the best other optimum explains, likewise; infinite where all starts agree.
    overlap
        Share of the liver region that lies inside the moving image.
    displacement_mm
        Mean distance over the liver between the result and the identity.
    dice
        Overlap of the two masks after registration, or None where one is missing.
    bend_mm
        Root mean square of the liver's displacement that remains after the best rigid fit; 0 where
        a rigid pose explains the images as well.
    directions_mm
        Standard error of the mean of both directions' poses (`both_directions`), or None where one alone was asked.
    inverse_mm
        How far the search the other way round would move off the result (`evidence.inverse_consistency`).
    agreeing
        Share of the starts that lead to the result (`evidence.agreement`).
    liver_ml
        Volume of the smaller mask, or None without any.
    tissue
        Share of the fixed mask that shows soft tissue (`evidence.tissue_share`).
    status
        How the finest level ended.
    correction_mm
        Mean distance over the liver by which the refinement would still move the result: 0 where it was refined.
    pull_mm
        How far interpolation may have pulled the pose (`evidence.interpolation_pull`).
    flags
        Codes of circumstances: no_liver_mask, mask_cut_by_border, ...
    """

    precision_mm: float
    voxel_mm: float
    explained: float
    explained_start: float
    basin: float
    rival_gap: float
    overlap: float
    displacement_mm: float
    dice: float | None
    status: Status
    bend_mm: float = 0.0
    directions_mm: float | None = None
    inverse_mm: float = 0.0
    agreeing: float = 1.0
    liver_ml: float | None = None
    tissue: float = 1.0
    correction_mm: float = 0.0
    pull_mm: float = 0.0
    flags: Sequence[str] = ()


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
    if evidence.directions_mm is not None:
        bias_mm = float(np.hypot(evidence.directions_mm, bias_mm / 2))
    parts = (
        settings.floor_mm,
        settings.precision_factor * evidence.precision_mm,
        bias_mm,
        settings.bend_factor * evidence.bend_mm,
        evidence.correction_mm,
        evidence.pull_mm,
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
        evidence=_numbers(evidence),
    )


def _fatal(evidence: Evidence, expected: float, settings: VerdictSettings) -> list[str]:
    found = []
    numbers = [value for value in asdict(evidence).values() if isinstance(value, float)]
    if any(math.isnan(value) for value in numbers):
        found.append("evidence_is_not_a_number")
    if evidence.status is Status.NO_OVERLAP or evidence.overlap < 0.4 * settings.min_overlap:
        found.append("liver_outside_moving_image")
    if evidence.status is Status.SINGULAR or not np.isfinite(expected):
        found.append("pose_not_determined")
    elif expected > settings.reject_mm:
        found.append("expected_error_too_large")
    if evidence.basin < 0.2 * _least_basin(evidence, settings):
        found.append("no_distinct_optimum")
    return found


def _doubts(evidence: Evidence, expected: float, settings: VerdictSettings) -> list[str]:
    found = []
    if expected > settings.accept_mm:
        found.append("expected_error_above_limit")
    if evidence.bend_mm > settings.max_bend_mm:
        found.append("liver_bends")
    if evidence.explained < settings.min_explained:
        found.append("images_explain_little_of_each_other")
    if evidence.explained < evidence.explained_start - settings.start_tolerance:
        found.append("start_explains_more")
    if evidence.basin < _least_basin(evidence, settings):
        found.append("flat_optimum")
    if evidence.rival_gap < settings.min_rival_gap:
        found.append("another_pose_fits_as_well")
    if evidence.overlap < settings.min_overlap:
        found.append("little_of_the_liver_in_view")
    if evidence.dice is not None and evidence.dice < settings.min_dice:
        found.append("masks_disagree")
    if evidence.inverse_mm > settings.max_inverse_mm:
        found.append("directions_disagree")
    if evidence.liver_ml is not None and evidence.liver_ml < settings.min_liver_ml:
        found.append("mask_too_small_for_a_liver")
    if evidence.tissue < settings.min_tissue:
        found.append("mask_holds_little_soft_tissue")
    if evidence.status is Status.ITERATION_LIMIT:
        found.append("refinement_did_not_converge")
    if evidence.status is Status.STALLED:
        found.append("refinement_stalled")
    if evidence.status is Status.NOT_IMPROVED:
        found.append("refinement_did_not_improve")
    return found


def _least_basin(evidence: Evidence, settings: VerdictSettings) -> float:
    confirmed = evidence.dice is not None and evidence.dice >= settings.confirming_dice
    return settings.min_basin_confirmed if confirmed else settings.min_basin


def _numbers(evidence: Evidence) -> dict[str, float]:
    named = {
        "precision_mm": evidence.precision_mm,
        "voxel_mm": evidence.voxel_mm,
        "explained_share": evidence.explained,
        "explained_share_start": evidence.explained_start,
        "basin_depth": evidence.basin,
        "rival_gap": evidence.rival_gap,
        "overlap_share": evidence.overlap,
        "displacement_mm": evidence.displacement_mm,
        "bend_rms_mm": evidence.bend_mm,
        "inverse_consistency_mm": evidence.inverse_mm,
        "agreeing_share": evidence.agreeing,
        "soft_tissue_share": evidence.tissue,
        "correction_mm": evidence.correction_mm,
        "interpolation_pull_mm": evidence.pull_mm,
    }
    if evidence.directions_mm is not None:
        named["directions_error_mm"] = evidence.directions_mm
    if evidence.liver_ml is not None:
        named["liver_ml"] = evidence.liver_ml
    if evidence.dice is not None:
        named["dice_after"] = evidence.dice
    return {name: float(value) for name, value in named.items() if np.isfinite(value)}
