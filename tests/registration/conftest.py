"""Fixtures of the registration tests."""

import numpy as np
import pytest
import torch

from hepareg.pair import ImagePair
from hepareg.refinement.multilevel import refine
from hepareg.refinement.settings import RefinementSettings
from hepareg.registration import register
from hepareg.registration.evidence import wrong_poses
from hepareg.registration.problem import ProblemSettings, build_problem
from hepareg.transforms import RigidTransform


@pytest.fixture(scope="session")
def pair(simulated_pair):
    """The small pair as the library call takes it, and its truth."""
    masks = {
        "moving_mask": simulated_pair.moving_liver.with_data(simulated_pair.moving_liver.data > 0),
        "fixed_mask": simulated_pair.fixed_liver.with_data(simulated_pair.fixed_liver.data > 0),
    }
    return {"moving": simulated_pair.moving, "fixed": simulated_pair.fixed, **masks}, simulated_pair.truth


@pytest.fixture(scope="session")
def with_both_masks(pair):
    """Return what the default settings find with both masks."""
    return register(**pair[0])


@pytest.fixture(scope="session")
def liver_tre(pair):
    """Return the mean liver TRE in mm of a transform."""
    images, truth = pair
    mask = images["fixed_mask"]
    points = mask.grid.world_points(np.argwhere(mask.data)[::7])

    def measure(transform):
        return float(np.linalg.norm(transform.apply(points) - truth.apply(points), axis=1).mean())

    return measure


@pytest.fixture(scope="session")
def refined(pair):
    """Problem, refinement of two levels and truth of the small pair, started from the truth and two wrong places."""
    images, truth = pair
    problem = build_problem(ImagePair(**images), device=torch.device("cpu"), settings=ProblemSettings())
    far = RigidTransform.from_vectors(np.zeros(3), [900.0, 0, 0])
    starts = [
        truth,
        wrong_poses(truth, problem.region.centre_mm, distance_mm=5.0)[3],
        RigidTransform(far.matrix @ truth.matrix),
    ]
    settings = RefinementSettings(levels=RefinementSettings().levels[:2])
    with torch.no_grad():
        found = refine(problem.region, problem.searched, starts, when_alike=problem.direction, settings=settings)
    return problem, found, truth
