import numpy as np
import pytest
import torch

from hepareg.training.pose_error import point_error_mm, rotation_error_deg
from hepareg.transforms import RigidTransform


def batch(*transforms):
    return torch.from_numpy(np.stack([transform.matrix for transform in transforms]))


def test_errors_agree_with_the_transforms_own_numbers():
    truth = RigidTransform.from_vectors([0.1, -0.3, 0.2], [5.0, 0.0, -2.0], centre_mm=[10, 400, -900])
    estimate = RigidTransform.from_vectors([0.12, -0.3, 0.2], [5.0, 1.0, -2.0], centre_mm=[10, 400, -900])
    points = np.random.default_rng(0).normal(size=(1, 50, 3)) * 50 + [10, 400, -900]
    expected = np.linalg.norm(estimate.apply(points[0]) - truth.apply(points[0]), axis=-1).mean()
    error = point_error_mm(batch(estimate), batch(truth), torch.from_numpy(points))
    assert float(error[0]) == pytest.approx(expected, abs=1e-9)
    angle = rotation_error_deg(batch(estimate), batch(truth))
    assert float(angle[0]) == pytest.approx((estimate.inverse() @ truth).rotation_deg, abs=1e-9)


@pytest.mark.parametrize("angle", [0.0, 1e-6, np.pi - 1e-6, np.pi])
def test_rotation_error_at_its_ends(angle):
    one, other = RigidTransform.identity(), RigidTransform.from_vectors([0.0, angle, 0.0], np.zeros(3))
    error = float(rotation_error_deg(batch(one), batch(other))[0])
    assert error == pytest.approx(np.degrees(angle), abs=1e-5)
