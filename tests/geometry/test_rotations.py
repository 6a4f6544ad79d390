"""Rotations at the critical angles, and the nearest rotation of a matrix."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hepareg.errors import TransformError
from hepareg.geometry.rotations import (
    about_centre,
    homogeneous,
    nearest_rotation,
    rotation_angle,
    rotation_from_vector,
    rotation_vector,
    skew,
)

ANGLES = [0.0, 1e-12, 1e-6, 0.5, 2.0, math.pi - 1e-3, math.pi - 1e-6]
AXES = [np.array(a) / np.linalg.norm(a) for a in ([1.0, 0, 0], [0, 0, -1.0], [0.3, -0.5, 0.8])]


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("axis", AXES)
def test_agrees_with_scipy_and_comes_back(angle, axis):
    R = rotation_from_vector(angle * axis)
    np.testing.assert_allclose(R, Rotation.from_rotvec(angle * axis).as_matrix(), atol=1e-14)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-14)
    np.testing.assert_allclose(rotation_vector(R), angle * axis, atol=1e-9)
    assert rotation_angle(R) == pytest.approx(angle, abs=1e-12)


def test_half_turn_returns_one_of_the_two_axes():
    R = rotation_from_vector([0.0, math.pi, 0.0])
    np.testing.assert_allclose(np.abs(rotation_vector(R)), [0, math.pi, 0], atol=1e-12)


def test_skew_is_the_cross_product():
    a, b = np.array([1.0, 2, 3]), np.array([-2.0, 0.5, 4])
    np.testing.assert_allclose(skew(a) @ b, np.cross(a, b))


def test_about_centre_leaves_the_centre_but_for_the_translation():
    matrix = about_centre(rotation_from_vector([0.1, 0.2, 0.3]), [1, 2, 3], [100, -50, 20])
    np.testing.assert_allclose(matrix @ [100, -50, 20, 1], [101, -48, 23, 1])
    np.testing.assert_allclose(homogeneous(np.eye(3), [1, 2, 3])[:3, 3], [1, 2, 3])


@pytest.mark.parametrize("seed", range(5))
def test_nearest_rotation_is_nearer_than_others(seed):
    rng = np.random.default_rng(seed)
    A = (
        rotation_from_vector(rng.normal(size=3))
        @ np.diag(rng.uniform(0.2, 2, 3))
        @ rotation_from_vector(rng.normal(size=3))
    )
    R = nearest_rotation(A)
    assert np.linalg.det(R) == pytest.approx(1)
    for _ in range(20):
        other = R @ rotation_from_vector(0.1 * rng.normal(size=3))
        assert np.linalg.norm(A - R) < np.linalg.norm(A - other)


@pytest.mark.parametrize("matrix", [np.diag([-1.0, 1, 1]), np.zeros((3, 3))])
def test_mirrored_and_singular_matrices_have_none(matrix):
    with pytest.raises(TransformError, match="expected a matrix with positive determinant"):
        nearest_rotation(matrix)
