from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from hepareg import register
from hepareg.geometry import Grid
from hepareg.refinement import multilevel
from hepareg.refinement.level_objective import LevelObjective
from hepareg.refinement.level_pair import LevelPair
from hepareg.refinement.multilevel import refine
from hepareg.refinement.settings import RefinementSettings
from hepareg.refinement.solvers.normal_equations import ARC_RADIUS_MM
from hepareg.registration import RegisterSettings
from hepareg.registration.evidence import (
    PULL_VOX,
    SHARP_PULL_VOX,
    _root_mean_square_tre,
    agreement,
    decoys,
    interpolation_pull,
    inverse_consistency,
    spread,
    tissue_share,
)
from hepareg.registration.problem import assign_roles
from hepareg.simulation import AcquisitionSettings, MotionSettings, PairSettings, PhantomSettings, simulate_pair
from hepareg.transforms import RigidTransform


def test_root_mean_square_tre_agrees_with_random_draws():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 6)) * 0.1
    covariance = root @ root.T
    points = rng.normal(size=(50, 3)) * [40, 60, 80] + [15, -20, 30]
    draws = rng.multivariate_normal(np.zeros(6), covariance, size=40_000)
    moved = draws[:, None, 3:] + np.cross(draws[:, None, :3] / ARC_RADIUS_MM, points)
    assert _root_mean_square_tre(covariance, points) == pytest.approx(np.sqrt((moved**2).sum(-1).mean()), rel=0.02)


def test_decoys_are_off_by_what_was_asked():
    centre = np.array([10.0, -5.0, 30.0])
    pose = RigidTransform.from_vectors((0.1, -0.2, 0.3), (4.0, 5.0, 6.0))
    wrong = decoys(pose, centre, distance_mm=8.0)
    arms = centre + ARC_RADIUS_MM * np.vstack([np.eye(3), -np.eye(3)])
    assert len(wrong) == 12
    for decoy in wrong:
        farthest = np.linalg.norm(decoy.apply(arms) - pose.apply(arms), axis=1).max()
        assert farthest == pytest.approx(8.0, rel=0.01)


def test_spread():
    shifted = RigidTransform.from_vectors((0, 0, 0), (3.0, 4.0, 0.0))
    points = np.random.default_rng(1).normal(size=(20, 3))
    np.testing.assert_allclose(spread([RigidTransform.identity(), shifted], RigidTransform.identity(), points), [0, 5])


@pytest.fixture(scope="module")
def refined(pair):
    """Roles, levels and truth of the small pair, started from the truth and from two wrong places."""
    images, truth = pair
    roles = assign_roles(**images, device=torch.device("cpu"))
    far = RigidTransform.from_vectors(np.zeros(3), [900.0, 0, 0])
    starts = [
        truth,
        decoys(truth, roles.region.centre_mm, distance_mm=5.0)[3],
        RigidTransform(far.matrix @ truth.matrix),
    ]
    settings = RefinementSettings()
    settings = RefinementSettings(levels=settings.levels[:2])
    with torch.no_grad():
        return roles, refine(roles.region, roles.moving, starts, settings=settings, device=torch.device("cpu")), truth


def test_both_directions_agree_at_the_truth_and_not_beside_it(refined):
    roles, levels, truth = refined
    beside = decoys(truth, roles.region.centre_mm, distance_mm=6.0)[4]
    with torch.no_grad():
        right = inverse_consistency(levels[1], truth, roles.points_mm)
        wrong = inverse_consistency(levels[1], beside, roles.points_mm)
    assert right < 1.0
    assert wrong > 2 * right


def test_starts_that_lead_to_the_result_are_counted(refined):
    roles, levels, truth = refined
    assert agreement(levels[0], truth, roles.points_mm) == pytest.approx(2 / 3)
    far = RigidTransform.from_vectors(np.zeros(3), [900.0, 0, 0])
    assert agreement(levels[0], far, roles.points_mm) == 0.0


@pytest.mark.parametrize("reverse", [False, True])
def test_places_that_lie_alike_between_voxels_are_told_axis_by_axis(reverse):
    """The samples are voxels of a grid of 1 x 1 x 2 mm, read on one of 1 x 1.3 x 2 mm, whatever the shift."""
    offsets = np.stack(np.meshgrid(*[np.arange(30.0)] * 2, 2 * np.arange(30.0), indexing="ij"), -1).reshape(-1, 1, 3)
    images = SimpleNamespace(
        samples=SimpleNamespace(corners_mm=offsets[:, 0] + [5.0, 6.0, 7.0]),
        sampled=SimpleNamespace(grid=Grid((40, 40, 40), np.diag([1.0, 1.3, 2.0, 1.0]))),
        sharpness=False,
    )
    objective = LevelObjective(reverse, images, None, 1.3)
    shifted = RigidTransform.from_vectors(np.zeros(3), (3.3, 2.1, -0.7))
    assert interpolation_pull(objective, shifted) == pytest.approx(PULL_VOX * np.hypot(1.0, 2.0), rel=0.02)
    turned = RigidTransform.from_vectors((0.1, -0.2, 0.15), (3.3, 2.1, -0.7))
    assert interpolation_pull(objective, turned) < 0.2 * PULL_VOX
    assert objective.alike(shifted) == pytest.approx([1, 0, 1], abs=0.1)
    images.sharpness = True
    assert interpolation_pull(objective, shifted) == pytest.approx(SHARP_PULL_VOX * np.hypot(1.0, 2.0), rel=0.02)


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
    assert result.verdict.evidence["interpolation_pull_mm"] > 0.5 * SHARP_PULL_VOX * 4 * np.sqrt(3)


def test_parallel_grids_pull_the_pose_less_with_the_blur_put_back(parallel, monkeypatch):
    errors, pulls = [], []
    for is_pulled in (True, False):
        monkeypatch.setattr(LevelPair, "is_pulled", is_pulled)
        result, error = registered(parallel)
        errors.append(error)
        pulls.append(result.verdict.evidence["interpolation_pull_mm"])
    assert errors[0] < max(0.5 * errors[1], 0.03 * 4)  # where the pose lies between voxels by half, little is pulled
    assert pulls[0] < 0.7 * pulls[1]


def test_with_the_blur_put_back_both_directions_are_searched(parallel, monkeypatch):
    settings = RegisterSettings(bend_search_mm=np.inf, both_directions_mm=100.0)
    assert "directions_error_mm" in registered(parallel, settings=settings)[0].verdict.evidence
    never = replace(settings, both_directions_mm=np.inf)
    assert "directions_error_mm" not in registered(parallel, settings=never)[0].verdict.evidence
    monkeypatch.setattr(LevelPair, "is_pulled", False)
    assert "directions_error_mm" not in registered(parallel, settings=settings)[0].verdict.evidence


def test_a_pose_that_goes_far_is_not_taken_for_a_pull(parallel, monkeypatch):
    monkeypatch.setattr(multilevel, "MAX_WAY_VOX", 0.0)
    result, _ = registered(parallel)
    assert result.verdict.evidence["interpolation_pull_mm"] > 0.75 * PULL_VOX * 4 * np.sqrt(3)


def test_a_slipped_mask_holds_other_things_than_soft_tissue(refined):
    roles, levels, _ = refined
    assert tissue_share(levels[1], roles.points_mm) > 0.95
    assert tissue_share(levels[1], roles.points_mm + np.array([0, 0, 60.0])) < 0.85
