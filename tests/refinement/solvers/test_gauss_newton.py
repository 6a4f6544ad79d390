"""Gauss-Newton on every problem of the shared list, and each of its statuses."""

from dataclasses import replace

import numpy as np
import pytest

from hepareg.refinement.local_affine import LocalAffine, LocalAffineSettings
from hepareg.refinement.solvers.gauss_newton import GaussNewtonSettings, gauss_newton
from hepareg.refinement.solvers.normal_equations import NormalEquations
from hepareg.refinement.solvers.solution import Status
from hepareg.transforms import RigidTransform

SETTINGS = GaussNewtonSettings(max_iterations=15, tolerance_mm=0.01, max_step_mm=8.0)
IDENTITY = RigidTransform.identity()


def solve(objective, starts, settings=SETTINGS):
    return gauss_newton(objective, starts, centre_mm=np.zeros(3), settings=settings)


def bowl(optimum_mm, *, hessian=None, overlap=1.0):
    """A quadratic objective of the pose's translation, with rotation held at zero."""
    H = np.eye(6) if hessian is None else hessian

    def objective(matrices):
        offsets = np.concatenate([np.zeros((len(matrices), 3)), matrices[:, :3, 3] - optimum_mm], axis=1)
        value = 0.5 * np.einsum("bi,ij,bj->b", offsets, H, offsets)
        count = len(matrices)
        return NormalEquations(np.repeat(H[None], count, 0), offsets @ H, value, np.full(count, overlap))

    return objective


def test_every_problem_is_solved(problem):
    images = problem.images()
    residual = LocalAffine(images.cells, images.features, settings=LocalAffineSettings())
    (found,) = gauss_newton(residual, [IDENTITY], centre_mm=images.centre_mm, settings=SETTINGS)
    assert found.status is Status.CONVERGED
    # Voxels are 3 to 4 mm and interpolation is linear; a tenth of a voxel is what this residual reaches there.
    assert problem.error_mm(found.transform) < 0.3
    assert problem.error_mm(found.transform) < 0.15 * max(problem.error_mm(IDENTITY), 0.3 / 0.15)


def test_a_quadratic_takes_one_step():
    (found,) = solve(bowl([1.0, 2.0, -3.0]), [IDENTITY])
    assert found.status is Status.CONVERGED
    assert np.allclose(found.transform.translation_mm, [1, 2, -3], atol=1e-4)
    assert found.objective_history[0] == pytest.approx(7.0)


def test_iteration_limit():
    (found,) = solve(bowl([50.0, 0, 0]), [IDENTITY], replace(SETTINGS, max_iterations=2))
    assert found.status is Status.ITERATION_LIMIT
    assert found.iterations == 2
    assert np.allclose(found.transform.translation_mm, [16, 0, 0])  # two steps of the longest length


def test_singular():
    (found,) = solve(bowl([1.0, 0, 0], hessian=np.diag([1.0, 1, 1, 1, 1, 0])), [IDENTITY])
    assert found.status is Status.SINGULAR


def test_no_overlap_returns_the_start():
    start = RigidTransform.from_vectors([0.1, 0, 0], [4, 5, 6])
    (found,) = solve(bowl([1.0, 0, 0], overlap=0.01), [start])
    assert found.status is Status.NO_OVERLAP
    assert np.array_equal(found.transform.matrix, start.matrix)


def test_not_improved_returns_the_start():
    down = bowl([1.0, 0, 0])

    def uphill(matrices):
        model = down(matrices)
        return replace(model, gradient=-model.gradient)

    (found,) = solve(uphill, [IDENTITY], replace(SETTINGS, max_iterations=3))
    assert found.status is Status.NOT_IMPROVED
    assert np.array_equal(found.transform.matrix, np.eye(4))


def test_batch_equals_loop_and_repeats(oblique_problem):
    images = oblique_problem.images()
    residual = LocalAffine(images.cells, images.features, settings=LocalAffineSettings())
    starts = [IDENTITY, oblique_problem.truth, RigidTransform.from_vectors([0, 0, 0], [-4, 3, 2])]
    settings = replace(SETTINGS, max_iterations=4)
    together = gauss_newton(residual, starts, centre_mm=images.centre_mm, settings=settings)
    again = gauss_newton(residual, starts, centre_mm=images.centre_mm, settings=settings)
    for start, one, two in zip(starts, together, again, strict=True):
        (alone,) = gauss_newton(residual, [start], centre_mm=images.centre_mm, settings=settings)
        assert np.array_equal(one.transform.matrix, two.transform.matrix)
        assert alone.status is one.status
        # float32 sums of other batch sizes
        assert np.abs(alone.transform.matrix - one.transform.matrix).max() < 1e-4
