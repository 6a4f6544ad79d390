"""The expected error of a pose, and mean distances between poses."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hepareg.refinement.solvers.normal_equations import ARC_RADIUS_MM
from hepareg.registration.pose_uncertainty import (
    UncertaintySettings,
    mean_distances_mm,
    pose_uncertainty_mm,
    root_mean_square_tre,
)
from hepareg.transforms import RigidTransform


def testroot_mean_square_tre_agrees_with_random_draws():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 6)) * 0.1
    covariance = root @ root.T
    points = rng.normal(size=(50, 3)) * [40, 60, 80] + [15, -20, 30]
    draws = rng.multivariate_normal(np.zeros(6), covariance, size=40_000)
    moved = draws[:, None, 3:] + np.cross(draws[:, None, :3] / ARC_RADIUS_MM, points)
    assert root_mean_square_tre(covariance, points) == pytest.approx(np.sqrt((moved**2).sum(-1).mean()), rel=0.02)


def test_mean_distances():
    shifted = RigidTransform.from_vectors((0, 0, 0), (3.0, 4.0, 0.0))
    points = np.random.default_rng(1).normal(size=(20, 3))
    np.testing.assert_allclose(
        mean_distances_mm([RigidTransform.identity(), shifted], RigidTransform.identity(), points), [0, 5]
    )


def test_too_few_blocks_determine_nothing(refined):
    problem, refinement, _ = refined
    level, pose = refinement.finest.level, refinement.pose
    few = replace(UncertaintySettings(), min_blocks=10_000)
    with torch.no_grad():
        found, without = (
            pose_uncertainty_mm(level, pose, points_mm=problem.points_mm, settings=settings)
            for settings in (UncertaintySettings(), few)
        )
    assert 0 < found < 2  # half of a voxel of 4 mm
    assert without == np.inf
