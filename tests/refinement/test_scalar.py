"""Scalar objectives: rigid poses, gradients, statuses."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from hepareg.refinement import scalar
from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.scalar import ScalarObjective, minimise_scalar
from hepareg.refinement.solvers.gauss_newton import GaussNewtonSettings
from hepareg.refinement.solvers.normal_equations import ARC_RADIUS_MM
from hepareg.refinement.solvers.solution import Status
from hepareg.similarity import MI, NCC, NMI, LocalNCC
from hepareg.transforms import RigidTransform

SETTINGS = GaussNewtonSettings(max_iterations=10, tolerance_mm=0.01)
LOSSES = [(NCC(), 1.0), (LocalNCC(), 1.0), (NMI(), 1.0), (MI(), 0.0)]


def test_parameters_are_mm_and_mm_of_arc_about_the_centre(oblique_problem):
    images = oblique_problem.images()
    objective = ScalarObjective(images, NCC(), 1.0)
    matrix = objective.pose(oblique_problem.truth, torch.tensor([0, 0, 1.2, 0, 0, 0], dtype=torch.float64)).numpy()
    step = RigidTransform(np.linalg.inv(oblique_problem.truth.matrix) @ matrix)
    assert np.allclose(step.apply(images.centre_mm), images.centre_mm, atol=1e-9)
    assert np.isclose(np.radians(step.rotation_deg), 1.2 / ARC_RADIUS_MM)


@pytest.mark.parametrize(("loss", "unrelated"), LOSSES, ids=lambda x: type(x).__name__)
def test_gradient_against_finite_differences(loss, unrelated, oblique_problem):
    objective = ScalarObjective(oblique_problem.images(), loss, unrelated)
    at = np.array([1.0, -0.8, 0.6, 0.9, -1.1, 0.7])
    _, gradient = objective(oblique_problem.truth, at)
    numeric = np.zeros(6)
    for axis, step in enumerate(0.02 * np.eye(6)):
        ahead, back = (objective(oblique_problem.truth, at + s)[0] for s in (step, -step))
        numeric[axis] = (ahead - back) / 0.04
    # kinks of linear interpolation, and voxels that enter or leave the moving image within the step
    assert np.linalg.norm(gradient - numeric) < 0.1 * np.linalg.norm(numeric)


def test_a_constant_image_determines_nothing(oblique_problem):
    images = oblique_problem.images()
    flat = replace(images, sampled=GridImage(torch.zeros_like(images.sampled.data), images.sampled.grid))
    found = minimise_scalar(ScalarObjective(flat, NCC(), 1.0), oblique_problem.truth, settings=SETTINGS)
    assert found.status is Status.SINGULAR


def test_iteration_limit_is_told(oblique_problem):
    objective = ScalarObjective(oblique_problem.images(), NCC(), 1.0)
    settings = replace(SETTINGS, max_iterations=1, tolerance_mm=1e-9)
    found = minimise_scalar(objective, RigidTransform.identity(), settings=settings)
    assert found.status is Status.ITERATION_LIMIT


@pytest.mark.parametrize(
    ("told", "expected"), [(0, Status.CONVERGED), (1, Status.ITERATION_LIMIT), (2, Status.STALLED), (3, Status.STALLED)]
)
def test_the_solvers_own_end_is_told_as_it_is(told, expected, oblique_problem, monkeypatch):
    """Precision loss is no convergence."""
    ended = SimpleNamespace(status=told, x=np.zeros(6))
    monkeypatch.setattr(scalar, "minimize", lambda *_, **__: ended)
    objective = ScalarObjective(oblique_problem.images(), NCC(), 1.0)
    start = RigidTransform.from_vectors([0, 0, 0], [1.0, 0, 0]) @ oblique_problem.truth
    assert minimise_scalar(objective, start, settings=SETTINGS).status is expected
