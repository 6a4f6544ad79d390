"""The six parameters: what a step does, and the derivative along it."""

import numpy as np
import torch

from hepareg.refinement.solvers.normal_equations import ARC_RADIUS_MM, NormalEquations, apply_step, jacobian, pose_part
from hepareg.transforms import RigidTransform

CENTRE = np.array([10.0, -20.0, 30.0])


def test_a_step_is_measured_in_mm_of_arc():
    turned = apply_step(RigidTransform.identity(), np.array([0, 0, 1.5, 0, 0, 0]), CENTRE)
    assert np.allclose(turned.apply(CENTRE), CENTRE, atol=1e-12)
    assert np.isclose(np.radians(turned.rotation_deg), 1.5 / ARC_RADIUS_MM)


def test_jacobian_against_finite_differences_of_an_affine_image():
    rng = np.random.default_rng(0)
    slope, offsets = rng.normal(size=3), rng.uniform(-40, 40, (7, 3))
    start = RigidTransform.from_vectors([0.2, 0.1, -0.3], [5, 4, -3])
    J = jacobian(torch.tensor(start.rotation.T @ slope)[:, None].expand(3, 7), torch.tensor(offsets.T)).numpy()
    for parameter, step in enumerate(1e-4 * np.eye(6)):
        ahead, back = (apply_step(start, s, CENTRE).apply(CENTRE + offsets) @ slope for s in (step, -step))
        assert np.allclose((ahead - back) / 2e-4, J[parameter], atol=1e-6)


def of_nine(seed):
    """Return (2, 9, 9) Hessians and (2, 9) gradients."""
    rng = np.random.default_rng(seed)
    J = rng.normal(size=(2, 40, 9))
    return J.transpose(0, 2, 1) @ J, rng.normal(size=(2, 9))


def test_the_poses_own_equations_give_the_step_of_all_together():
    hessian, gradient = of_nine(1)
    own = NormalEquations.for_pose(hessian, gradient, np.ones(2), np.ones(2))
    for n in range(2):
        together = np.linalg.solve(hessian[n], gradient[n])
        assert np.allclose(np.linalg.solve(own.hessian[n], own.gradient[n]), together[:6])
        assert np.allclose(own.hessian[n], own.hessian[n].T)


def test_parts_sum_to_the_whole():
    hessian, gradient = of_nine(2)
    E = pose_part(hessian.sum(axis=0))
    whole = NormalEquations.for_pose(hessian.sum(axis=0)[None], gradient.sum(axis=0)[None], np.ones(1), np.ones(1))
    assert np.allclose((E @ hessian @ E.T).sum(axis=0), whole.hessian[0])
    assert np.allclose((gradient @ E.T).sum(axis=0), whole.gradient[0])


def test_a_parameter_that_nothing_determines_changes_nothing():
    """As the blur along an axis of one voxel."""
    hessian, gradient = of_nine(3)
    hessian[:, 7], hessian[:, :, 7], gradient[:, 7] = 0, 0, 0
    kept = [0, 1, 2, 3, 4, 5, 6, 8]
    less = NormalEquations.for_pose(hessian[:, kept][:, :, kept], gradient[:, kept], np.ones(2), np.ones(2))
    own = NormalEquations.for_pose(hessian, gradient, np.ones(2), np.ones(2))
    assert np.allclose(own.hessian, less.hessian)
    assert np.allclose(own.gradient, less.gradient)
    hessian[:, 7, 7] = -1e-7 * hessian[:, 8, 8]  # what rounding leaves of nothing
    assert np.allclose(NormalEquations.for_pose(hessian, gradient, np.ones(2), np.ones(2)).hessian, less.hessian)
    six = NormalEquations.for_pose(hessian[:, :6, :6], gradient[:, :6], np.ones(2), np.ones(2))
    assert np.array_equal(six.hessian, hessian[:, :6, :6])


def test_what_is_not_finite_stays_so_without_an_error():
    hessian, gradient = of_nine(4)
    hessian[0, 8, 8] = np.nan
    own = NormalEquations.for_pose(hessian, gradient, np.ones(2), np.ones(2))
    assert np.isnan(own.hessian[0]).any()
    assert np.isfinite(own.hessian[1]).all()
