import numpy as np
import pytest

from hepareg.optimisation.normal_equations import ARC_RADIUS_MM
from hepareg.registration.evidence import _root_mean_square_tre, decoys, spread
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
