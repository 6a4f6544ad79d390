"""The closed-form rigid fit: exact recovery, gradients at the identity, degenerate points."""

import numpy as np
import pytest
import torch

from hepareg.geometry.rotations import nearest_rotation, rotation_angle, rotation_from_vector
from hepareg.networks.weighted_rigid_fit import weighted_rigid_fit

CUBE = torch.tensor([[x, y, z] for x in (-50.0, 50.0) for y in (-50.0, 50.0) for z in (-50.0, 50.0)]).double()


def moved(points, vector, translation):
    R = torch.tensor(rotation_from_vector(vector))
    return points @ R.T + torch.tensor(translation), R


@pytest.mark.parametrize("angle", [0.0, 1e-6, 0.3, 2.0, np.pi - 1e-3])
def test_recovers_a_rigid_motion(angle):
    points = CUBE + torch.randn(8, 3, generator=torch.Generator().manual_seed(0)).double() * 20 + 300
    target, R = moved(points, angle * np.array([0.6, 0.0, 0.8]), [5.0, -8.0, 100.0])
    fitted = weighted_rigid_fit(points[None], target[None], torch.rand(1, 8) + 0.1)[0]
    assert rotation_angle((fitted[:3, :3] @ R.T).numpy()) < 1e-4
    torch.testing.assert_close(points @ fitted[:3, :3].T + fitted[:3, 3], target, atol=1e-2 * max(angle, 1e-4), rtol=0)


def test_noisy_points_agree_with_kabsch_and_zero_weights_are_ignored():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(12, 3)) * 40
    target = points @ rotation_from_vector([0.2, -0.4, 0.1]).T + rng.normal(size=(12, 3)) * 3
    weights = rng.uniform(0, 1, 12)
    weights[:3] = 0
    target[:3] = 1e4
    w = weights / weights.sum()
    s, d = points - w @ points, target - w @ target
    expected = nearest_rotation((d * w[:, None]).T @ s)
    fitted = weighted_rigid_fit(*(torch.tensor(x)[None] for x in (points, target, weights)))[0]
    np.testing.assert_allclose(fitted[:3, :3].numpy(), expected, atol=1e-5)


def test_mirrored_points_still_give_a_rotation():
    fitted = weighted_rigid_fit(
        CUBE[None] * torch.tensor([1.0, 1.1, 1.2]), CUBE[None] * torch.tensor([-1.0, 1, 1]), torch.ones(1, 8)
    )
    assert torch.det(fitted[0, :3, :3]).item() == pytest.approx(1)


@pytest.mark.parametrize(
    "points", [CUBE, CUBE * torch.tensor([1.0, 0.5, 0.0]), CUBE + torch.arange(24.0).reshape(8, 3)]
)
def test_gradcheck_at_the_identity(points):
    source, target = points[None].clone().requires_grad_(), points[None].clone().requires_grad_()
    weights = torch.ones(1, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(weighted_rigid_fit, (source, target, weights), eps=1e-4, atol=1e-5)


def test_points_on_a_line_do_not_turn_about_it():
    line = torch.zeros(1, 6, 3, dtype=torch.float64)
    line[..., 0] = torch.linspace(-50, 50, 6)
    target, R = moved(line[0], [0.0, 0.0, 0.4], [1.0, 2.0, 3.0])
    fitted = weighted_rigid_fit(line, target[None], torch.ones(1, 6))[0]
    torch.testing.assert_close(fitted[:3, :3], R, atol=1e-4, rtol=0)


def test_points_in_one_place_give_a_translation():
    source = torch.full((1, 4, 3), 7.0, requires_grad=True)
    fitted = weighted_rigid_fit(source, source + torch.tensor([1.0, -2.0, 3.0]), torch.ones(1, 4))
    torch.testing.assert_close(fitted[0, :3, :3], torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(fitted[0, :3, 3], torch.tensor([1.0, -2.0, 3.0]).double(), atol=1e-5, rtol=0)
    fitted.sum().backward()
    assert torch.isfinite(source.grad).all()
