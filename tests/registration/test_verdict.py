"""The verdict: each rule by itself, and the table as a whole."""

import math
from dataclasses import replace

import pytest

from hepareg.refinement.solvers.solution import Status
from hepareg.registration.evidence import Evidence
from hepareg.registration.result import Decision
from hepareg.registration.verdict import judge
from hepareg.registration.verdict_rules import RULES
from hepareg.registration.verdict_settings import VerdictSettings

GOOD = Evidence(
    pose_uncertainty_mm=0.05, voxel_mm=1.5, explained_share=0.9, explained_share_start=0.5, basin_depth=2.0,
    rival_gap=math.inf, overlap_share=1.0, displacement_mm=12.0, dice_after=0.97, status=Status.CONVERGED,
)  # fmt: skip


def decide(**changes):
    return judge(replace(GOOD, **changes), settings=VerdictSettings())


def test_plain_accept():
    verdict = decide()
    assert verdict.decision is Decision.ACCEPT
    assert verdict.reasons == ()
    assert not verdict.already_aligned
    assert "rival_gap" not in verdict.evidence  # infinity is no JSON


REVIEWED = [
    ({"pose_uncertainty_mm": 2.0}, "expected_error_above_limit"),
    ({"directions_error_mm": 2.0}, "expected_error_above_limit"),
    ({"interpolation_pull_mm": 2.0}, "expected_error_above_limit"),
    ({"left_p95_mm": 3.0}, "liver_bends"),
    ({"tissue_mean_mm": 1.6}, "expected_error_above_limit"),
    ({"tissue_p95_mm": 3.1}, "expected_error_above_limit"),
    ({"explained_share": 0.02}, "images_explain_little_of_each_other"),
    ({"explained_share": 0.6, "explained_share_start": 0.61}, "start_explains_more"),
    ({"basin_depth": 0.05}, "flat_optimum"),
    ({"basin_depth": 0.1, "dice_after": 0.9}, "flat_optimum"),
    ({"basin_depth": 0.1, "dice_after": None}, "flat_optimum"),
    ({"rival_gap": 0.01}, "another_pose_fits_as_well"),
    ({"overlap_share": 0.4}, "little_of_the_liver_in_view"),
    ({"dice_after": 0.5}, "masks_disagree"),
    ({"inverse_consistency_mm": 3.0}, "directions_disagree"),
    ({"liver_ml": 300.0}, "mask_too_small_for_a_liver"),
    ({"slice_order_ratio": 2.0}, "slices_out_of_order"),
    ({"slice_gap": 4.0}, "slices_missing"),
    ({"largest_mask_ml": 4000.0}, "mask_too_large_for_a_liver"),
    ({"mask_homogeneity": 0.6}, "mask_is_mixed"),
    ({"flatness_mm": 1.2}, "rotation_uncertain"),
    ({"surface_shift_mm": 3.0}, "surfaces_part"),
    ({"stretch_share": 0.05}, "sizes_differ"),
    ({"slab_shift_mm": 2.0}, "slabs_shifted"),
    ({"soft_tissue_share": 0.6}, "mask_holds_little_soft_tissue"),
    ({"status": Status.ITERATION_LIMIT}, "refinement_did_not_converge"),
    ({"status": Status.STALLED}, "refinement_stalled"),
    ({"status": Status.NOT_IMPROVED}, "refinement_did_not_improve"),
    ({"flags": ("no_liver_mask",)}, "no_liver_mask"),
    ({"flags": ("surfaces_decide",)}, "surfaces_decide"),
    ({"flags": ("no_liver_found",)}, "no_liver_found"),
    ({"flags": ("mask_left_of_the_body_centre",)}, "mask_left_of_the_body_centre"),
    ({"flags": ("finest_level_not_reached",)}, "finest_level_not_reached"),
]
REJECTED = [
    ({"displacement_mm": math.nan}, "evidence_is_not_a_number"),
    ({"status": Status.NO_OVERLAP}, "liver_outside_moving_image"),
    ({"overlap_share": 0.1}, "liver_outside_moving_image"),
    ({"status": Status.SINGULAR}, "pose_not_determined"),
    ({"pose_uncertainty_mm": math.inf}, "pose_not_determined"),
    ({"pose_uncertainty_mm": 20.0}, "expected_error_too_large"),
    ({"mask_homogeneity": 0.2}, "mask_is_not_a_liver"),
    ({"basin_depth": -0.2}, "no_distinct_optimum"),
    ({"basin_depth": 0.01, "dice_after": 0.97}, "no_distinct_optimum"),
    ({"basin_depth": 0.04, "dice_after": 0.9}, "no_distinct_optimum"),
]
NOTED = [
    ({"flags": ("mask_cut_by_border",)}, "mask_cut_by_border"),
    ({"fixed_vessel_contrast_hu": 300.0, "moving_vessel_contrast_hu": 60.0}, "phases_exchanged"),
]


@pytest.mark.parametrize(("changes", "reason"), REVIEWED)
def test_review(changes, reason):
    verdict = decide(**changes)
    assert verdict.decision is Decision.REVIEW
    assert reason in verdict.reasons


@pytest.mark.parametrize(("changes", "reason"), REJECTED)
def test_reject(changes, reason):
    verdict = decide(**changes)
    assert verdict.decision is Decision.REJECT
    assert verdict.reasons[0] == reason


@pytest.mark.parametrize(("changes", "reason"), NOTED)
def test_a_note_is_told_and_does_not_stop_an_accept(changes, reason):
    verdict = decide(**changes)
    assert verdict.decision is Decision.ACCEPT
    assert verdict.reasons == (reason,)


@pytest.mark.parametrize(
    ("decision", "examples"), [(Decision.REJECT, REJECTED), (Decision.REVIEW, REVIEWED), (Decision.ACCEPT, NOTED)]
)
def test_every_rule_has_an_example_above(decision, examples):
    assert {rule.code for rule in RULES if rule.decision is decision} == {reason for _, reason in examples}


def test_a_flag_without_a_rule_is_refused():
    with pytest.raises(ValueError, match="a_new_flag; add a rule"):
        decide(flags=("a_new_flag",))


def test_masks_that_agree_confirm_a_shallow_optimum():
    assert decide(basin_depth=0.1, dice_after=0.97).decision is Decision.ACCEPT


def test_a_start_that_explains_as_much_is_no_doubt():
    assert decide(explained_share=0.6, explained_share_start=0.601).decision is Decision.ACCEPT


def test_already_aligned():
    assert decide(displacement_mm=0.2).already_aligned
    assert decide(displacement_mm=0.8, pose_uncertainty_mm=1.0).already_aligned
    assert not decide(displacement_mm=0.6).already_aligned


@pytest.mark.parametrize(
    "name",
    [
        "pose_uncertainty_mm",
        "explained_share",
        "basin_depth",
        "rival_gap",
        "overlap_share",
        "dice_after",
        "displacement_mm",
    ],
)
def test_evidence_that_is_not_a_number_is_rejected(name):
    assert decide(**{name: math.nan}).decision is Decision.REJECT
