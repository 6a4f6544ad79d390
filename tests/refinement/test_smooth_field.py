"""The smooth field: its shape, and what observations make of it."""

import numpy as np
import pytest

from hepareg.refinement.smooth_field import Observed, SmoothField, SmoothFieldSettings, field_basis, improve_field

SETTINGS = SmoothFieldSettings(block_mm=25.0, length_mm=50.0)
RNG = np.random.default_rng(3)
POINTS = RNG.uniform(-60, 60, (600, 3))


class Seen:
    """Observations of a known displacement, exact or with noise, each with its standard deviation."""

    def __init__(self, truth, *, noise_mm, points_mm=POINTS):
        self.points_mm, self.noise_mm = points_mm, noise_mm
        self.seen = truth(points_mm) + np.random.default_rng(5).normal(scale=noise_mm, size=points_mm.shape)

    def observe(self, displacement_mm):
        weight = 1 / self.noise_mm**2
        return np.tile(weight * np.eye(3), (len(self.points_mm), 1, 1)), weight * (displacement_mm - self.seen)


class SeenAcross(Seen):
    """The same, but only the component along a normal of each point is seen, as at an edge or a surface."""

    def observe(self, displacement_mm):
        normals = self.points_mm / np.linalg.norm(self.points_mm, axis=1, keepdims=True)
        H = normals[:, :, None] * normals[:, None] / self.noise_mm**2
        return H, np.einsum("nij,nj->ni", H, displacement_mm - self.seen)


@pytest.fixture(scope="module")
def basis():
    return field_basis(POINTS, settings=SETTINGS)


@pytest.fixture(scope="module")
def bend(basis):
    """A displacement of some 2 mm that the prior can make."""
    size = basis.from_coefficients.shape[1]
    coefficients = np.random.default_rng(7).normal(size=size)
    return SmoothField(basis, 1.2 * coefficients, np.zeros((size, size)), 1.2)


def estimate(basis, *observers, iterations=3):
    seen = [Observed.by(observer, basis) for observer in observers]
    return improve_field(SmoothField.zero(basis), seen, iterations=iterations, settings=SETTINGS)


def test_coefficients_of_variance_one_give_displacements_of_variance_one(basis):
    rows = basis.at(basis.knots_mm)
    assert np.square(rows).sum(axis=1) == pytest.approx(1.0, abs=1e-4)  # JITTER and rounding
    far = basis.at(np.full((1, 3), 5000.0))
    assert np.abs(far).max() < 1e-12


def test_field_keeps_volumes(bend):
    points, h = RNG.uniform(-60, 60, (50, 3)), 1e-3
    slopes = np.stack([(bend(points + h * e) - bend(points - h * e)) / (2 * h) for e in np.eye(3)], axis=1)
    assert np.abs(slopes).max() > 1e-2
    assert np.abs(np.trace(slopes, axis1=1, axis2=2)).max() < 1e-6


@pytest.mark.parametrize("seen", [Seen, SeenAcross])
def test_a_known_displacement_is_found_again(basis, bend, seen):
    found = estimate(basis, seen(bend, noise_mm=0.2))
    probe = RNG.uniform(-50, 50, (300, 3))
    error = np.linalg.norm(found(probe) - bend(probe), axis=1)
    moved = np.linalg.norm(bend(probe), axis=1)
    assert moved.mean() > 1.0
    # Motion along the surfaces is known from the prior alone.
    assert error.mean() < (0.15 if seen is Seen else 0.7) * moved.mean()
    assert 0.8 <= found.amplitude_mm <= 1.6
    assert 0.3 < error.mean() / found.with_spread(probe)[1].mean() < 3


def test_observations_of_nothing_give_no_displacement(basis):
    found = estimate(basis, Seen(np.zeros_like, noise_mm=0.5))
    assert found.amplitude_mm == min(SETTINGS.amplitudes_mm)
    assert np.linalg.norm(found(POINTS), axis=1).max() < 0.1


def test_observers_add_up_and_their_order_does_not_matter(basis, bend):
    one, other = Seen(bend, noise_mm=0.5), SeenAcross(bend, noise_mm=0.3)
    both, swapped, alone = estimate(basis, one, other), estimate(basis, other, one), estimate(basis, one)
    assert np.allclose(both(POINTS), swapped(POINTS), atol=1e-9)
    assert both.with_spread(POINTS)[1].mean() < alone.with_spread(POINTS)[1].mean()


def test_a_step_is_no_longer_than_allowed(basis):
    far = Seen(lambda points: np.full_like(points, 20.0), noise_mm=0.1)
    once = estimate(basis, far, iterations=1)
    at_knots = np.abs(once(basis.knots_mm)).max()
    assert at_knots == pytest.approx(SETTINGS.max_step_mm, rel=1e-6)
