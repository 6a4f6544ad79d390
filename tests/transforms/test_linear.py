"""Affine and rigid maps: identity, inverse, associativity, matrix versus pointwise, the certificate."""

import math

import numpy as np
import pytest

from hepareg.errors import RigidityError, TransformError
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.transforms import AffineTransform, RigidTransform

POINTS = np.random.default_rng(0).normal(size=(20, 3)) * 200
ANGLES = [0.0, 1e-6, 0.4, math.pi - 1e-6]


def rigid(angle=0.4, seed=0):
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3)
    return RigidTransform.from_vectors(
        angle * axis / np.linalg.norm(axis), rng.normal(size=3) * 30, centre_mm=rng.normal(size=3) * 500
    )


@pytest.mark.parametrize("angle", ANGLES)
def test_inverse_undoes(angle):
    T = rigid(angle)
    np.testing.assert_allclose(T.inverse().apply(T.apply(POINTS)), POINTS, atol=1e-9)
    np.testing.assert_allclose((T @ T.inverse()).matrix, np.eye(4), atol=1e-9)
    A = AffineTransform(homogeneous(T.linear * [1.1, 0.9, 1.2], T.translation_mm))
    np.testing.assert_allclose(A.inverse().apply(A.apply(POINTS)), POINTS, atol=1e-9)
    assert T.rotation_deg == pytest.approx(math.degrees(angle), abs=1e-6)


def test_identity_changes_nothing():
    np.testing.assert_array_equal(RigidTransform.identity().apply(POINTS), POINTS)
    T = rigid()
    np.testing.assert_allclose((T @ RigidTransform.identity()).matrix, T.matrix, atol=1e-12)


def test_composition_is_associative_and_applies_the_right_one_first():
    A, B, C = (rigid(0.5, seed) for seed in range(3))
    np.testing.assert_allclose(((A @ B) @ C).matrix, (A @ (B @ C)).matrix, atol=1e-9)
    np.testing.assert_allclose((A @ B).apply(POINTS), A.apply(B.apply(POINTS)), atol=1e-9)
    assert isinstance(A @ B, RigidTransform)
    assert type(A @ AffineTransform(np.diag([2.0, 1, 1, 1]))) is AffineTransform


def test_matrix_versus_pointwise():
    T = rigid()
    expected = [T.linear @ p + T.translation_mm for p in POINTS]
    np.testing.assert_allclose(T.apply(POINTS), expected)
    np.testing.assert_allclose(T.translation_at(POINTS[0]), expected[0] - POINTS[0], atol=1e-9)


def test_lps_matrix_is_the_same_map_of_flipped_points():
    T = rigid()
    flip = np.array([-1, -1, 1.0])
    np.testing.assert_allclose(AffineTransform(T.matrix_lps).apply(POINTS * flip) * flip, T.apply(POINTS), atol=1e-9)


@pytest.mark.parametrize("angle", ANGLES)
def test_rigid_keeps_distances_and_passes_its_certificate(angle):
    T = rigid(angle)
    T.certify()
    (T @ rigid(1.0, 5)).certify()
    moved = T.apply(POINTS)
    distance = np.linalg.norm(POINTS[:, None] - POINTS, axis=-1)
    np.testing.assert_allclose(np.linalg.norm(moved[:, None] - moved, axis=-1), distance, atol=1e-9)


def test_matrix_that_a_float32_header_rounded_is_made_rigid_again():
    rounded = rigid().matrix.astype(np.float32)
    RigidTransform(rounded).certify()


def test_certificate_can_fail():
    T = rigid()
    broken = T.matrix.copy()
    broken[0, 0] += 1e-9
    object.__setattr__(T, "matrix", broken)
    with pytest.raises(RigidityError, match="expected a rotation to"):
        T.certify()


@pytest.mark.parametrize(("matrix", "message"), [
    (np.eye(3), "finite 4x4"),
    (np.diag([1, 1, np.inf, 1]), "finite 4x4"),
    (np.diag([1.0, 1, 1, 2]), "last row"),
    (np.diag([1.0, 1, 0, 1]), "invertible"),
])  # fmt: skip
def test_unusable_matrices_are_an_error(matrix, message):
    with pytest.raises(TransformError, match=message):
        AffineTransform(matrix)


@pytest.mark.parametrize("linear", [np.diag([1.01, 1, 1]), np.diag([-1.0, 1, 1]), [[1, 0.01, 0], [0, 1, 0], [0, 0, 1]]])
def test_scale_shear_and_mirror_are_not_rigid(linear):
    with pytest.raises(TransformError, match="expected a rigid matrix"):
        RigidTransform(homogeneous(linear, [0, 0, 0]))


def test_many_at_once_are_what_each_is_alone():
    matrices = np.stack([rigid(angle, seed).matrix for seed, angle in enumerate(ANGLES)])
    rounded = np.float32(matrices).astype(np.float64)
    many = RigidTransform.from_matrices(rounded)
    for transform, matrix in zip(many, rounded, strict=True):
        assert type(transform) is RigidTransform
        np.testing.assert_allclose(transform.matrix, RigidTransform(matrix).matrix, rtol=0, atol=1e-15)
        transform.certify()
        with pytest.raises(ValueError, match="read-only"):
            transform.matrix[0, 3] = 1
    assert RigidTransform.from_matrices(np.zeros((0, 4, 4))) == []
    for transform in RigidTransform.from_matrices(np.asfortranarray(rounded)):
        assert transform.matrix.flags.c_contiguous  # kernels read its memory


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(("wrong", "message"), [
    (np.eye(4), "finite 4x4"),
    ([np.eye(4), np.diag([1.0, 1, np.nan, 1])], "finite 4x4"),
    ([np.eye(4), np.diag([1.0, 1, 1, 2])], r"last row, got \[0.0, 0.0, 0.0, 2.0\]"),
    ([np.eye(4), np.diag([1.0, 1.01, 1, 1])], "expected a rigid matrix"),
    ([np.eye(4), np.diag([1.0, -1, 1, 1])], "expected a rigid matrix"),
    ([[[1e200, 1e200, 0, 0], [1e200, -1e200, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]], "expected a finite 4x4 matrix"),
])  # fmt: skip
def test_one_wrong_matrix_among_many_is_an_error(wrong, message):
    with pytest.raises(TransformError, match=message):
        RigidTransform.from_matrices(wrong)
    with pytest.raises(TransformError, match="finite 4x4"):
        RigidTransform(np.stack([np.eye(4)] * 2))


def test_a_transform_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        rigid().matrix[0, 3] = 1
    assert rotation_from_vector([0, 0, 0]).tolist() == np.eye(3).tolist()


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e300])
def test_numbers_that_no_transform_has_are_refused(number):
    """From LPS too, without a warning about their product with the axes' signs."""
    matrix = np.eye(4)
    matrix[1, 3] = number
    for make in (AffineTransform, AffineTransform.from_lps):
        with pytest.raises(TransformError, match="finite"):
            make(matrix)


def test_lps_there_and_back():
    matrix = RigidTransform.from_vectors([0.1, -0.2, 0.15], [12.0, -7.5, 30.0]).matrix
    np.testing.assert_array_equal(AffineTransform.from_lps(AffineTransform(matrix).matrix_lps).matrix, matrix)
