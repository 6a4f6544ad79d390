"""Exponential and logarithm: against the NumPy ones, at the critical angles, with finite gradients."""

import math

import numpy as np
import pytest
import torch

from hepareg.geometry import rotations
from hepareg.networks.lie import (
    rigid_from_twist,
    rigid_inverse,
    rotation_from_vector,
    rotation_vector,
    skew,
    twist_of_rigid,
)

ANGLES = [0.0, 1e-12, 1e-6, 0.1, 0.4999, 0.5001, 1.0, 2.0, math.pi - 1e-3, math.pi - 1e-6]
AXIS = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64) / math.sqrt(5.25)


@pytest.mark.parametrize("angle", ANGLES)
def test_agrees_with_the_numpy_geometry(angle):
    vector = angle * AXIS
    R = rotation_from_vector(vector)
    np.testing.assert_allclose(R.numpy(), rotations.rotation_from_vector(vector.numpy()), atol=1e-14)
    np.testing.assert_allclose(rotation_vector(R).numpy(), rotations.rotation_vector(R.numpy()), atol=1e-8)
    np.testing.assert_allclose(skew(vector).numpy(), rotations.skew(vector.numpy()))


@pytest.mark.parametrize("angle", ANGLES)
def test_exponential_is_a_rotation_and_the_logarithm_returns(angle):
    R = rotation_from_vector(angle * AXIS)
    torch.testing.assert_close(R @ R.T, torch.eye(3, dtype=R.dtype), atol=1e-14, rtol=0)
    assert torch.det(R).item() == pytest.approx(1, abs=1e-14)
    torch.testing.assert_close(rotation_vector(R), angle * AXIS, atol=1e-9, rtol=0)
    twist = torch.cat([angle * AXIS, torch.tensor([3.0, -40.0, 12.0], dtype=torch.float64)])
    torch.testing.assert_close(twist_of_rigid(rigid_from_twist(twist)), twist, atol=1e-7, rtol=0)


@pytest.mark.parametrize("angle", ANGLES)
def test_gradients_are_finite_and_right(angle):
    vector = (angle * AXIS).requires_grad_()
    assert torch.autograd.gradcheck(rotation_from_vector, vector, eps=1e-7, atol=1e-6)
    twist = torch.cat([vector.detach(), torch.ones(3, dtype=torch.float64)]).requires_grad_()
    assert torch.autograd.gradcheck(rigid_from_twist, twist, eps=1e-7, atol=1e-6)
    weights = torch.arange(6.0, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((twist_of_rigid(rigid_from_twist(twist)) * weights).sum(), twist)
    # the logarithm undoes the exponential, so the gradient is that of the identity
    torch.testing.assert_close(gradient, weights, atol=1e-4, rtol=0)


def test_rigid_motion_is_a_matrix_exponential():
    twist = torch.tensor([0.3, -0.2, 0.5, 10.0, -20.0, 30.0], dtype=torch.float64)
    generator = torch.zeros(4, 4, dtype=torch.float64)
    generator[:3, :3], generator[:3, 3] = skew(twist[:3]), twist[3:]
    torch.testing.assert_close(rigid_from_twist(twist), torch.linalg.matrix_exp(generator))


def test_batch_equals_loop_and_inverse_undoes():
    twists = torch.randn(4, 2, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    matrices = rigid_from_twist(twists)
    assert matrices.shape == (4, 2, 4, 4)
    torch.testing.assert_close(matrices[3, 1], rigid_from_twist(twists[3, 1]))
    eye = torch.eye(4, dtype=torch.float64).expand(4, 2, 4, 4)
    torch.testing.assert_close(rigid_inverse(matrices) @ matrices, eye)
