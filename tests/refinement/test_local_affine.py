"""The residual: derivative, sign, and what it is blind to."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hepareg.refinement.local_affine import LocalAffine, LocalAffineSettings
from hepareg.refinement.solvers.normal_equations import apply_step
from hepareg.transforms import RigidTransform


@pytest.fixture(scope="module")
def residual(oblique_problem):
    images = oblique_problem.images()
    return LocalAffine(images.cells, images.features, settings=LocalAffineSettings(robust=False, ridge_hu2=0.0))


def test_gradient_against_finite_differences_of_the_objective(residual, oblique_problem):
    """2 g is the derivative of the sum of squares, the objective times the cells' variance."""
    pose = apply_step(oblique_problem.truth, np.array([1.0, -0.8, 0.6, 0.9, -1.1, 0.7]), residual.cells.centre_mm)
    y, w = residual.cells.values, residual.cells.weights
    mean = (w * y).sum(1, keepdim=True) / w.sum(1, keepdim=True).clamp(min=1e-6)
    total = float((w * (y - mean) ** 2).double().sum())
    analytic = 2 * residual(pose.matrix[None]).gradient[0] / total
    numeric = np.zeros(6)
    for axis, step in enumerate(0.2 * np.eye(6)):
        ahead, back = (apply_step(pose, s, residual.cells.centre_mm).matrix for s in (step, -step))
        values = residual(np.stack([ahead, back])).objective
        numeric[axis] = (values[0] - values[1]) / 0.4
    # Kaufman's form and central differences of a linearly interpolated image: direction and size, not digits.
    cosine = analytic @ numeric / np.linalg.norm(analytic) / np.linalg.norm(numeric)
    assert cosine > 0.97
    assert 0.75 < np.linalg.norm(analytic) / np.linalg.norm(numeric) < 1.25


def test_one_step_recovers_most_of_a_small_motion(residual, oblique_problem):
    truth, centre = oblique_problem.truth, residual.cells.centre_mm
    start = apply_step(truth, np.array([0.8, -0.6, 0.5, 1.0, -0.7, 0.9]), centre)
    model = residual(start.matrix[None])
    step = apply_step(start, -np.linalg.solve(model.hessian[0], model.gradient[0]), centre)
    before, after = oblique_problem.error_mm(start), oblique_problem.error_mm(step)
    assert before > 1.0
    assert after < 0.2 * before


def test_blind_to_a_linear_change_of_intensity(residual, oblique_problem):
    samples = replace(residual.cells, values=-2.5 * residual.cells.values + 40)
    changed = residual.with_cells(samples)
    pose = oblique_problem.truth.matrix[None]
    assert changed(pose).objective == pytest.approx(residual(pose).objective, rel=1e-3, abs=1e-6)


def test_cells_sum_to_the_whole(residual, oblique_problem):
    cells = residual.cell_equations(oblique_problem.truth.matrix[None])
    whole = residual(oblique_problem.truth.matrix[None])
    assert np.allclose(cells.hessian.double().sum(1).numpy(), whole.hessian, rtol=1e-5)


def test_outside_the_sampled_image_nothing_is_explained(residual):
    far = residual(RigidTransform.from_vectors([0, 0, 0], [900, 0, 0]).matrix[None])
    assert far.overlap[0] == 0
    assert far.objective[0] == pytest.approx(1.0)
    assert np.abs(far.gradient).max() == 0


def test_voxels_of_weight_zero_change_nothing(residual, oblique_problem):
    samples = residual.cells
    changed = replace(samples, values=torch.where(samples.weights > 0, samples.values, torch.tensor(5e3)))
    pose = oblique_problem.truth.matrix[None]
    one, two = residual(pose), residual.with_cells(changed)(pose)
    assert np.allclose(one.gradient, two.gradient, rtol=1e-4, atol=1e-4 * np.abs(one.gradient).max())
