import numpy as np
import pytest
import torch

from hepareg.optimisation.multilevel import RefinementSettings, refine
from hepareg.optimisation.normal_equations import ARC_RADIUS_MM
from hepareg.registration.evidence import (
    _root_mean_square_tre,
    agreement,
    decoys,
    inverse_consistency,
    spread,
    tissue_share,
)
from hepareg.registration.roles import assign_roles
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


def test_a_slipped_mask_holds_other_things_than_soft_tissue(refined):
    roles, levels, _ = refined
    assert tissue_share(levels[1], roles.points_mm) > 0.95
    assert tissue_share(levels[1], roles.points_mm + np.array([0, 0, 60.0])) < 0.85
