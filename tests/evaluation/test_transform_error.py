"""Rotation and translation errors."""

import numpy as np
import pytest

from hepareg.evaluation import transform_error
from hepareg.transforms import RigidTransform

LIVER = np.array([80.0, -20.0, 950.0])
POSE = RigidTransform.from_vectors([0.3, -0.2, 0.4], [5, 6, 7], centre_mm=LIVER)


def test_perfect():
    error = transform_error(POSE, POSE, at_mm=LIVER)
    assert error.rotation_deg == pytest.approx(0, abs=1e-6)
    assert error.translation_mm == 0


@pytest.mark.parametrize("angle_deg", [1e-6, 1.0, 90.0, 180.0])
def test_rotation_about_the_point_is_no_translation(angle_deg):
    axis = np.array([1.0, 2.0, -2.0]) / 3
    turn = RigidTransform.from_vectors(np.radians(angle_deg) * axis, [0, 0, 0], centre_mm=POSE.apply(LIVER))
    error = transform_error(turn @ POSE, POSE, at_mm=LIVER)
    assert error.rotation_deg == pytest.approx(angle_deg, abs=1e-9)
    assert error.translation_mm < 1e-9


def test_translation_does_not_depend_on_the_rotation_shared():
    shift = RigidTransform.from_vectors([0, 0, 0], [0, 3, -4])
    error = transform_error(shift @ POSE, POSE, at_mm=LIVER)
    assert error.translation_mm == pytest.approx(5, abs=1e-9)
    assert error.rotation_deg == pytest.approx(0, abs=1e-6)


def test_symmetric():
    other = RigidTransform.from_vectors([0.1, 0, -0.7], [9, 0, 0], centre_mm=[1, 2, 3])
    there, back = transform_error(POSE, other, at_mm=LIVER), transform_error(other, POSE, at_mm=LIVER)
    assert there.rotation_deg == pytest.approx(back.rotation_deg)
    assert there.translation_mm == pytest.approx(back.translation_mm)
