"""Rigid parts of affines."""

import numpy as np
import pytest

from hepareg.errors import InputError, TransformError
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.transforms.rigidify import removed_part, rigid_part

CENTRE = np.array([80.0, -20.0, 950.0])
POSE = RigidTransform.from_vectors([0.3, -0.2, 0.4], [5, 6, 7], centre_mm=CENTRE)
POINTS = CENTRE + np.random.default_rng(0).uniform(-90, 90, (500, 3))


def stretched(stretch):
    """Return the pose after a stretch of the fixed world about the centre."""
    S = np.asarray(stretch, dtype=float)
    return POSE @ AffineTransform(homogeneous(S, CENTRE - S @ CENTRE))


def test_rigid_stays_what_it_is():
    assert np.allclose(rigid_part(POSE, centre_mm=CENTRE).matrix, POSE.matrix, atol=1e-12)
    removed = removed_part(POSE, points_mm=POINTS, centre_mm=CENTRE)
    assert (
        max(map(abs, [*removed.scale_percent, *removed.shear_percent, removed.volume_percent, removed.worst_mm])) < 1e-9
    )


@pytest.mark.parametrize("stretch", [np.diag([1.03, 0.98, 1.1]), [[1, 0.05, 0.02], [0.05, 1, -0.03], [0.02, -0.03, 1]]])
def test_known_stretch_is_taken_out_whole(stretch):
    affine, S = stretched(stretch), np.asarray(stretch)
    rigid = rigid_part(affine, centre_mm=CENTRE)
    assert np.abs(rigid.matrix - POSE.matrix).max() < 1e-9
    assert np.abs(rigid.apply(CENTRE) - affine.apply(CENTRE)).max() < 1e-9
    removed = removed_part(affine, points_mm=POINTS, centre_mm=CENTRE)
    assert removed.scale_percent == pytest.approx(tuple(100 * (np.diag(S) - 1)), abs=1e-9)
    assert removed.shear_percent == pytest.approx((100 * S[0, 1], 100 * S[0, 2], 100 * S[1, 2]), abs=1e-9)
    assert removed.volume_percent == pytest.approx(100 * (np.linalg.det(S) - 1))
    gaps = np.linalg.norm(affine.apply(POINTS) - rigid.apply(POINTS), axis=1)
    assert (removed.mean_mm, removed.worst_mm) == pytest.approx((gaps.mean(), gaps.max()), rel=1e-9)


def test_scale_and_shear_in_mm_are_told_apart():
    scale_only = removed_part(stretched(np.diag([1.02, 1.02, 1.02])), points_mm=POINTS, centre_mm=CENTRE)
    lengths = np.linalg.norm(POINTS - CENTRE, axis=1)
    assert scale_only.scale_worst_mm == pytest.approx(0.02 * lengths.max())
    assert scale_only.scale_mean_mm == pytest.approx(0.02 * lengths.mean())
    assert scale_only.shear_worst_mm < 1e-9
    shear_only = removed_part(stretched([[1, 0.04, 0], [0.04, 1, 0], [0, 0, 1]]), points_mm=POINTS, centre_mm=CENTRE)
    assert shear_only.scale_worst_mm < 1e-9
    assert shear_only.shear_worst_mm == pytest.approx(shear_only.worst_mm)


def test_nearest_of_all_rotations_that_keep_the_centre():
    affine = stretched([[1.1, 0.2, 0], [-0.1, 0.9, 0.1], [0.05, 0, 1.2]])
    best = rigid_part(affine, centre_mm=CENTRE)
    distance = np.linalg.norm(best.linear - affine.linear)
    for seed in range(30):
        turn = rotation_from_vector(np.random.default_rng(seed).normal(0, 0.02, 3))
        assert np.linalg.norm(turn @ best.linear - affine.linear) > distance


def test_half_turns_and_tiny_scales():
    for vector in ([np.pi, 0, 0], [0, 0, np.pi - 1e-6], [1e-6, 0, 0]):
        pose = RigidTransform.from_vectors(vector, [1, 2, 3])
        affine = AffineTransform(homogeneous(1.5 * pose.linear, pose.translation_mm))
        assert np.abs(rigid_part(affine, centre_mm=[0, 0, 0]).linear - pose.linear).max() < 1e-12


def test_mirrored_and_no_points_are_errors():
    mirrored = AffineTransform(np.diag([-1.0, 1, 1, 1]))
    with pytest.raises(TransformError, match="positive determinant"):
        rigid_part(mirrored, centre_mm=CENTRE)
    with pytest.raises(TransformError, match="positive determinant"):
        removed_part(mirrored, points_mm=POINTS, centre_mm=CENTRE)
    with pytest.raises(InputError, match="at least one point"):
        removed_part(POSE, points_mm=np.empty((0, 3)), centre_mm=CENTRE)
