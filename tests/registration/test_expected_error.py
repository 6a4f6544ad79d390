"""The expected error and its parts."""

import math
from dataclasses import replace

import pytest

from hepareg.registration.expected_error import ERROR_PARTS, expected_error, rigid_error
from hepareg.registration.verdict_settings import VerdictSettings
from tests.registration.test_verdict import GOOD

SETTINGS = VerdictSettings()


def error(**changes):
    return expected_error(replace(GOOD, **changes), SETTINGS).mean_mm


def test_parts_add_as_squares():
    evidence = replace(GOOD, correction_mm=0.3, interpolation_pull_mm=0.2, flatness_mm=1.0)
    parts = [part.value_mm(evidence, SETTINGS) for part in ERROR_PARTS]
    assert parts == pytest.approx([0.05, 0.05, 0.018 * 1.5**2, (1.0 - 0.75**2) ** 0.5, 0.0, 0.0, 0.3, 0.2])
    assert rigid_error(evidence, SETTINGS) == pytest.approx(math.sqrt(sum(part**2 for part in parts)))


def test_the_disagreement_of_the_directions_takes_the_place_of_half_of_the_interpolation_bias():
    assert error(voxel_mm=4.0) > 0.28
    assert error(voxel_mm=4.0, directions_error_mm=0.1) == pytest.approx(math.hypot(0.05, 0.05, 0.1, 0.018 * 16 / 2))


@pytest.mark.parametrize(
    "worse",
    [
        {"pose_uncertainty_mm": 0.2},
        {"voxel_mm": 4.0},
        {"tissue_mean_mm": 1.0},
        {"mask_homogeneity": 0.5},
        {"largest_mask_ml": 5000.0},
        {"liver_ml": 300.0},
        {"soft_tissue_share": 0.6},
        {"flags": ("mask_left_of_the_body_centre",)},
        {"slice_order_ratio": 2.0},
        {"directions_error_mm": 0.3},
        {"correction_mm": 0.1},
        {"interpolation_pull_mm": 0.1},
        {"flatness_mm": 0.9},
    ],
)
def test_worse_evidence_raises_the_expected_error(worse):
    assert error(**worse) > error()


@pytest.mark.parametrize("flatness_mm", [None, 0.0, 0.7])
def test_an_optimum_that_is_no_flatter_than_coarse_voxels_make_it_adds_nothing(flatness_mm):
    assert error(flatness_mm=flatness_mm) == error()


def test_an_unknown_part_is_an_unknown_error():
    assert error(pose_uncertainty_mm=math.inf) == math.inf
    assert math.isnan(error(correction_mm=math.nan))


def test_the_motion_of_the_tissue_counts_beside_the_pose():
    rigid = expected_error(GOOD, SETTINGS)
    assert rigid.mean_mm == rigid.rigid_fit_mm == rigid_error(GOOD, SETTINGS)
    bent = expected_error(replace(GOOD, tissue_mean_mm=2.0, tissue_p95_mm=5.0, rigid_fit_distance_mm=0.7), SETTINGS)
    assert bent.mean_mm == pytest.approx(math.hypot(rigid.mean_mm, 2.0))
    assert bent.p95_mm == pytest.approx(math.hypot(rigid.p95_mm, 5.0))
    assert bent.rigid_fit_mm == pytest.approx(math.hypot(rigid.mean_mm, 0.7))
