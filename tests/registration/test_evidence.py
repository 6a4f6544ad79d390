from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from hepareg.geometry import Grid
from hepareg.refinement.averaged_pair import AveragedPair
from hepareg.refinement.direction import Direction
from hepareg.refinement.level import Level
from hepareg.refinement.settings import InterpolationSettings, RefinementSettings
from hepareg.refinement.solvers.normal_equations import ARC_RADIUS_MM
from hepareg.registration import RegisterSettings, register
from hepareg.registration.both_directions import BothDirectionsSettings
from hepareg.registration.evidence import (
    EvidenceSettings,
    agreeing_share,
    interpolation_pull_mm,
    inverse_consistency_mm,
    soft_tissue_share,
    wrong_poses,
)
from hepareg.registration.tissue_motion import TissueMotionSettings
from hepareg.simulation import AcquisitionSettings, MotionSettings, PairSettings, PhantomSettings, simulate_pair
from hepareg.transforms import RigidTransform

LIMITS = EvidenceSettings()


def test_wrong_poses_are_off_by_what_was_asked():
    centre = np.array([10.0, -5.0, 30.0])
    pose = RigidTransform.from_vectors((0.1, -0.2, 0.3), (4.0, 5.0, 6.0))
    wrong = wrong_poses(pose, centre, distance_mm=8.0)
    arms = centre + ARC_RADIUS_MM * np.vstack([np.eye(3), -np.eye(3)])
    assert len(wrong) == 12
    for one in wrong:
        farthest = np.linalg.norm(one.apply(arms) - pose.apply(arms), axis=1).max()
        assert farthest == pytest.approx(8.0, rel=0.01)


def test_both_directions_agree_at_the_truth_and_not_beside_it(refined):
    problem, refinement, truth = refined
    beside = wrong_poses(truth, problem.region.centre_mm, distance_mm=6.0)[4]
    with torch.no_grad():
        right = inverse_consistency_mm(refinement.compared.level, truth, problem.points_mm)
        wrong = inverse_consistency_mm(refinement.compared.level, beside, problem.points_mm)
    assert right < 1.0
    assert wrong > 2 * right


def test_starts_that_lead_to_the_result_are_counted(refined):
    problem, refinement, truth = refined
    assert agreeing_share(refinement.coarsest, truth, problem.points_mm) == pytest.approx(2 / 3)
    far = RigidTransform.from_vectors(np.zeros(3), [900.0, 0, 0])
    assert agreeing_share(refinement.coarsest, far, problem.points_mm) == 0.0


@pytest.mark.parametrize("exchange", [False, True])
def test_places_that_lie_alike_between_voxels_are_told_axis_by_axis(exchange):
    """The samples are voxels of a grid of 1 x 1 x 2 mm, read on one of 1 x 1.3 x 2 mm, whatever the shift."""
    offsets = np.stack(np.meshgrid(*[np.arange(30.0)] * 2, 2 * np.arange(30.0), indexing="ij"), -1).reshape(-1, 1, 3)
    images = SimpleNamespace(
        cells=SimpleNamespace(corners_mm=offsets[:, 0] + [5.0, 6.0, 7.0]),
        sampled=SimpleNamespace(grid=Grid((40, 40, 40), np.diag([1.0, 1.3, 2.0, 1.0]))),
        is_deblurred=False,
    )
    settings = RefinementSettings()
    level = Level(Direction(exchange), images, None, settings.levels[-1], settings)
    shifted = RigidTransform.from_vectors(np.zeros(3), (3.3, 2.1, -0.7))
    assert interpolation_pull_mm(level, shifted, settings=LIMITS) == pytest.approx(
        LIMITS.pull_vox * np.hypot(1.0, 2.0), rel=0.02
    )
    turned = RigidTransform.from_vectors((0.1, -0.2, 0.15), (3.3, 2.1, -0.7))
    assert interpolation_pull_mm(level, turned, settings=LIMITS) < 0.2 * LIMITS.pull_vox
    assert level.position_coherence(shifted) == pytest.approx([1, 0, 1], abs=0.1)
    images.is_deblurred = True
    assert interpolation_pull_mm(level, shifted, settings=LIMITS) == pytest.approx(
        LIMITS.deblurred_pull_vox * np.hypot(1.0, 2.0), rel=0.02
    )


@pytest.fixture(scope="module", params=[0.0, 12.0])
def parallel(request):
    """A pair on parallel grids, the liver not turned."""
    grid = AcquisitionSettings(spacing_mm=(4.0, 4.0, 4.0))
    phantom = PhantomSettings(shape=(96, 80, 84), spacing_mm=(4.0, 4.0, 4.0))
    motion = MotionSettings(translation_mm=(request.param,) * 2, rotation_deg=(0.0, 0.0))
    return simulate_pair(settings=PairSettings(phantom=phantom, motion=motion, moving=grid, fixed=grid), seed=3)


def registered(pair, **settings):
    """Return the result for a pair with its masks, and its mean error over the liver in mm."""
    masks = {"moving_mask": pair.moving_liver, "fixed_mask": pair.fixed_liver}
    result = register(moving=pair.moving, fixed=pair.fixed, **masks, **settings)
    points = pair.fixed_liver.grid.world_points(np.argwhere(pair.fixed_liver.data)[::7])
    apart = np.linalg.norm(result.transform.apply(points) - pair.truth.apply(points), axis=1)
    return result, apart.mean()


def test_the_expected_error_knows_of_parallel_grids(parallel):
    result, error = registered(parallel)
    assert error < result.verdict.expected_liver_tre_mm
    assert result.verdict.evidence["interpolation_pull_mm"] > 0.5 * LIMITS.deblurred_pull_vox * 4 * np.sqrt(3)


def test_parallel_grids_bias_the_pose_less_with_the_blur_undone(parallel, monkeypatch):
    errors, pulls = [], []
    for is_biased in (True, False):
        monkeypatch.setattr(AveragedPair, "is_biased_by_interpolation", is_biased)
        result, error = registered(parallel)
        errors.append(error)
        pulls.append(result.verdict.evidence["interpolation_pull_mm"])
    assert errors[0] < max(0.5 * errors[1], 0.03 * 4)  # where the pose lies between voxels by half, little is pulled
    assert pulls[0] < 0.7 * pulls[1]


def test_with_the_blur_undone_both_directions_are_searched(parallel, monkeypatch):
    settings = RegisterSettings(
        tissue_motion=TissueMotionSettings(min_gain=np.inf), both_directions=BothDirectionsSettings(search_mm=100.0)
    )
    assert "directions_error_mm" in registered(parallel, settings=settings)[0].verdict.evidence
    never = replace(settings, both_directions=BothDirectionsSettings(search_mm=np.inf))
    assert "directions_error_mm" not in registered(parallel, settings=never)[0].verdict.evidence
    monkeypatch.setattr(AveragedPair, "is_biased_by_interpolation", False)
    assert "directions_error_mm" not in registered(parallel, settings=settings)[0].verdict.evidence


def test_a_pose_that_goes_far_is_not_taken(parallel):
    refinement = RefinementSettings(interpolation=InterpolationSettings(max_way_vox=0.0))
    result, _ = registered(parallel, settings=RegisterSettings(refinement=refinement))
    assert result.verdict.evidence["interpolation_pull_mm"] > 0.75 * LIMITS.pull_vox * 4 * np.sqrt(3)


def test_a_slipped_mask_holds_other_things_than_soft_tissue(refined):
    problem, refinement, _ = refined
    tissue = {"tissue_hu": LIMITS.tissue_hu}
    assert soft_tissue_share(refinement.compared.level, problem.points_mm, **tissue) > 0.95
    assert soft_tissue_share(refinement.compared.level, problem.points_mm + np.array([0, 0, 60.0]), **tissue) < 0.85
