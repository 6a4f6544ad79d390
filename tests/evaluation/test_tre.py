"""Target registration error."""

import numpy as np
import pytest

from hepareg.errors import InputError, MaskError
from hepareg.evaluation import tre_of_points, tre_over_mask
from hepareg.geometry import Grid
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.volume import Volume

OBLIQUE = Grid((17, 19, 12), [[-0.6, 0.4, 0.0, 12.0], [0.8, 0.3, 0.0, -7.0], [0.0, 0.0, -2.5, 900.0], [0, 0, 0, 1]])
POSE = RigidTransform.from_vectors([0.3, -0.2, 0.4], [5, 6, 7], centre_mm=[10, 0, 880])


def test_same_transform_is_zero():
    error = tre_over_mask(POSE, POSE, mask=Volume(np.ones(OBLIQUE.shape, bool), OBLIQUE))
    assert error.mean_mm == error.worst_mm == error.rms_mm == 0.0
    assert error.num_points == np.prod(OBLIQUE.shape)


def test_translation_is_its_length_everywhere():
    shifted = AffineTransform(POSE.matrix + np.outer([3, 4, 12, 0], [0, 0, 0, 1]))
    error = tre_over_mask(shifted, POSE, mask=Volume(np.ones(OBLIQUE.shape, bool), OBLIQUE))
    assert (error.mean_mm, error.worst_mm, error.rms_mm) == pytest.approx((13, 13, 13), abs=1e-10)


def test_every_voxel_point_by_point():
    mask = np.random.default_rng(0).random(OBLIQUE.shape) > 0.8
    other = RigidTransform.from_vectors([-0.1, 0.5, 0.2], [1, 2, 3])
    points = OBLIQUE.world_points(np.argwhere(mask))
    distances = np.linalg.norm(POSE.apply(points) - other.apply(points), axis=1)
    error = tre_over_mask(POSE, other, mask=Volume(mask, OBLIQUE))
    assert error.mean_mm == pytest.approx(distances.mean(), rel=1e-12)
    assert error.worst_mm == pytest.approx(distances.max(), rel=1e-12)
    assert error.rms_mm == pytest.approx(np.sqrt((distances**2).mean()), rel=1e-12)
    assert tre_of_points(POSE, other, points_mm=points).mean_mm == pytest.approx(error.mean_mm, rel=1e-12)


def test_rotation_moves_a_point_by_the_chord():
    turned = RigidTransform.from_vectors([0, 0, np.pi / 3], [0, 0, 0])
    error = tre_of_points(turned, RigidTransform.identity(), points_mm=[[100.0, 0.0, 5.0]])
    assert error.worst_mm == pytest.approx(2 * 100 * np.sin(np.pi / 6), rel=1e-12)


def test_nothing_to_measure_is_an_error():
    with pytest.raises(InputError, match="at least one point"):
        tre_of_points(POSE, POSE, points_mm=np.empty((0, 3)))
    with pytest.raises(InputError, match="NaN"):
        tre_of_points(POSE, RigidTransform.identity(), points_mm=[[np.nan, 0, 0]])
    with pytest.raises(MaskError, match="empty"):
        tre_over_mask(POSE, POSE, mask=Volume(np.zeros(OBLIQUE.shape, bool), OBLIQUE))
