"""Rotations from vectors: against the NumPy geometry, at the critical angles, with finite gradients."""

import math

import numpy as np
import pytest
import torch

from hepareg.geometry import rotations
from hepareg.networks.lie import rigid_matrix, rotation_from_vector, skew

ANGLES = [0.0, 1e-12, 1e-6, 0.1, 0.4999, 0.5001, 1.0, 2.0, math.pi - 1e-3, math.pi - 1e-6]
AXIS = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64) / math.sqrt(5.25)


@pytest.mark.parametrize("angle", ANGLES)
def test_agrees_with_the_numpy_geometry(angle):
    vector = angle * AXIS
    R = rotation_from_vector(vector)
    np.testing.assert_allclose(R.numpy(), rotations.rotation_from_vector(vector.numpy()), atol=1e-14)
    np.testing.assert_allclose(skew(vector).numpy(), rotations.skew(vector.numpy()))


@pytest.mark.parametrize("angle", ANGLES)
def test_a_rotation_has_orthonormal_columns_and_determinant_one(angle):
    R = rotation_from_vector(angle * AXIS)
    torch.testing.assert_close(R @ R.T, torch.eye(3, dtype=R.dtype), atol=1e-14, rtol=0)
    assert torch.det(R).item() == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize("angle", ANGLES)
def test_gradients_are_finite_and_right(angle):
    vector = (angle * AXIS).requires_grad_()
    assert torch.autograd.gradcheck(rotation_from_vector, vector, eps=1e-7, atol=1e-6)


def test_batch_equals_loop_and_the_matrix_maps_points():
    generator = torch.Generator().manual_seed(0)
    vectors, translations = torch.randn(2, 4, 2, 3, dtype=torch.float64, generator=generator)
    matrices = rigid_matrix(rotation_from_vector(vectors), translations)
    assert matrices.shape == (4, 2, 4, 4)
    one = rigid_matrix(rotation_from_vector(vectors[3, 1]), translations[3, 1])
    torch.testing.assert_close(matrices[3, 1], one)
    point = torch.tensor([10.0, -5.0, 3.0, 1.0], dtype=torch.float64)
    expected = rotation_from_vector(vectors[3, 1]) @ point[:3] + translations[3, 1]
    torch.testing.assert_close(matrices[3, 1] @ point, torch.cat([expected, point[3:]]))
