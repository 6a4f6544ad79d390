import math
from dataclasses import replace

import pytest

from hepareg.refinement.solvers.solution import Status
from hepareg.registration.evidence import Evidence
from hepareg.registration.result import Decision
from hepareg.registration.verdict import VerdictSettings, judge

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


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"pose_uncertainty_mm": 2.0}, "expected_error_above_limit"),
        ({"explained_share": 0.02}, "images_explain_little_of_each_other"),
        ({"explained_share": 0.6, "explained_share_start": 0.61}, "start_explains_more"),
        ({"directions_error_mm": 2.0}, "expected_error_above_limit"),
        ({"interpolation_pull_mm": 2.0}, "expected_error_above_limit"),
        ({"basin_depth": 0.05}, "flat_optimum"),
        ({"basin_depth": 0.1, "dice_after": 0.9}, "flat_optimum"),
        ({"basin_depth": 0.1, "dice_after": None}, "flat_optimum"),
        ({"inverse_consistency_mm": 3.0}, "directions_disagree"),
        ({"liver_ml": 300.0}, "mask_too_small_for_a_liver"),
        ({"soft_tissue_share": 0.6}, "mask_holds_little_soft_tissue"),
        ({"status": Status.STALLED}, "refinement_stalled"),
        ({"flags": ("mask_left_of_the_body_centre",)}, "mask_left_of_the_body_centre"),
        ({"rival_gap": 0.01}, "another_pose_fits_as_well"),
        ({"overlap_share": 0.4}, "little_of_the_liver_in_view"),
        ({"dice_after": 0.5}, "masks_disagree"),
        ({"bend_rms_mm": 3.0}, "liver_bends"),
        ({"status": Status.NOT_IMPROVED}, "refinement_did_not_improve"),
        ({"flags": ("no_liver_mask",)}, "no_liver_mask"),
    ],
)
def test_review(changes, reason):
    verdict = decide(**changes)
    assert verdict.decision is Decision.REVIEW
    assert reason in verdict.reasons


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": Status.NO_OVERLAP}, "liver_outside_moving_image"),
        ({"overlap_share": 0.1}, "liver_outside_moving_image"),
        ({"status": Status.SINGULAR}, "pose_not_determined"),
        ({"pose_uncertainty_mm": math.inf}, "pose_not_determined"),
        ({"pose_uncertainty_mm": 20.0}, "expected_error_too_large"),
        ({"basin_depth": -0.2}, "no_distinct_optimum"),
    ],
)
def test_reject(changes, reason):
    verdict = decide(**changes)
    assert verdict.decision is Decision.REJECT
    assert reason in verdict.reasons


def test_masks_that_agree_vouch_for_a_shallow_optimum():
    assert decide(basin_depth=0.1, dice_after=0.97).decision is Decision.ACCEPT


def test_a_flag_that_is_only_a_circumstance_does_not_stop_an_accept():
    verdict = decide(flags=("mask_cut_by_border",))
    assert verdict.decision is Decision.ACCEPT
    assert verdict.reasons == ("mask_cut_by_border",)


def test_what_the_directions_disagree_by_takes_the_place_of_half_of_the_interpolation_bias():
    coarse = decide(voxel_mm=4.0), decide(voxel_mm=4.0, directions_error_mm=0.1)
    assert coarse[0].expected_liver_tre_mm > 0.28
    assert coarse[1].expected_liver_tre_mm == pytest.approx(math.hypot(0.05, 0.05, 0.1, 0.018 * 16 / 2))
    assert coarse[1].evidence["directions_error_mm"] == 0.1


def test_a_start_that_explains_as_much_is_no_doubt():
    assert decide(explained_share=0.6, explained_share_start=0.601).decision is Decision.ACCEPT


def test_already_aligned():
    assert decide(displacement_mm=0.2).already_aligned
    assert decide(displacement_mm=0.8, pose_uncertainty_mm=1.0).already_aligned


def test_worse_evidence_never_lowers_the_expected_error():
    worse = ({"pose_uncertainty_mm": 0.2}, {"voxel_mm": 4.0}, {"bend_rms_mm": 1.0}, {"directions_error_mm": 0.3})
    assert all(decide(**change).expected_liver_tre_mm > decide().expected_liver_tre_mm for change in worse)


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
def test_evidence_that_is_not_a_number_is_fatal(name):
    assert decide(**{name: math.nan}).decision is Decision.REJECT


def test_a_level_that_was_not_reached_or_did_not_converge_is_a_doubt():
    assert decide(flags=("finest_level_not_reached",)).decision is Decision.REVIEW
    assert decide(status=Status.ITERATION_LIMIT).decision is Decision.REVIEW
