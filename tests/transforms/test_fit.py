"""Rigid fit of points: a known pose, least squares, weights, and points that leave the rotation open."""

import numpy as np
import pytest
import torch

from hepareg.errors import InputError, TransformError
from hepareg.networks.weighted_rigid_fit import weighted_rigid_fit
from hepareg.transforms import RigidTransform
from hepareg.transforms.fit import fit_rigid

RNG = np.random.default_rng(1)
POINTS = RNG.uniform(-80, 80, (200, 3)) + np.array([10, 200, -40])
POSE = RigidTransform.from_vectors([0.3, -0.2, 0.5], [12, -7, 30])
NOISY = POSE.apply(POINTS) + RNG.normal(size=POINTS.shape)


def cost(transform, points, targets, weights):
    return (weights * np.square(transform.apply(points) - targets).sum(axis=1)).sum()


@pytest.mark.parametrize("angle", [0.0, 1e-6, 1.0, np.pi - 1e-6, np.pi])
def test_a_known_pose_is_recovered(angle):
    axis = np.array([0.6, -0.48, 0.64])
    pose = RigidTransform.from_vectors(angle * axis, [12, -7, 30])
    # rounding of coordinates of some 300 mm, and of a rotation of 1
    assert np.abs(fit_rigid(POINTS, pose.apply(POINTS)).matrix - pose.matrix).max() < 1e-10


@pytest.mark.parametrize("weights", [None, RNG.uniform(0, 3, 200)])
def test_no_pose_nearby_fits_better(weights):
    best = fit_rigid(POINTS, NOISY, weights=weights)
    w = np.ones(200) if weights is None else weights
    fit = cost(best, POINTS, NOISY, w)
    for step in np.vstack([np.eye(6), -np.eye(6)]) * 1e-3:
        other = RigidTransform(best.matrix @ RigidTransform.from_vectors(step[:3], step[3:]).matrix)
        assert cost(other, POINTS, NOISY, w) > fit


def test_weights_are_numbers_of_copies():
    copies = np.arange(1, 201) % 4
    repeated = fit_rigid(np.repeat(POINTS, copies, axis=0), np.repeat(NOISY, copies, axis=0))
    assert np.abs(fit_rigid(POINTS, NOISY, weights=copies).matrix - repeated.matrix).max() < 1e-10
    assert np.abs(fit_rigid(POINTS, NOISY, weights=1e6 * copies).matrix - repeated.matrix).max() < 1e-10
    assert np.abs(fit_rigid(POINTS, NOISY, weights=np.ones(200)).matrix - fit_rigid(POINTS, NOISY).matrix).max() < 1e-12


def test_equals_the_differentiable_fit():
    """A quaternion method with a ridge of 1e-6, which moves the rotation by as little."""
    w = RNG.uniform(0.1, 3, 200)
    found = weighted_rigid_fit(*(torch.tensor(x)[None] for x in (POINTS, NOISY, w)))[0].numpy()
    moved = fit_rigid(POINTS, NOISY, weights=w).apply(POINTS)
    assert np.abs(POINTS @ found[:3, :3].T + found[:3, 3] - moved).max() < 1e-3


def test_points_in_a_plane_are_enough():
    flat = POINTS * [1, 1, 0]
    assert np.abs(fit_rigid(flat, POSE.apply(flat)).matrix - POSE.matrix).max() < 1e-10


def test_a_mirror_image_gets_the_best_rotation():
    """Points far longer than wide: mirroring the shortest extent leaves a rotation that is unique."""
    long = RNG.normal(size=(300, 3)) * [50, 20, 5]
    found = fit_rigid(long, long * [1, 1, -1])
    assert np.linalg.det(found.rotation) == pytest.approx(1)
    # the rotation maximises the trace of R' C, so that nothing turns but by the sampling of 300 points
    assert found.rotation_deg < 5


@pytest.mark.parametrize(
    ("points", "targets"),
    [
        (np.outer(np.arange(5.0), [1, 2, 3]) + np.array([100, -300, 7]), np.outer(np.arange(5.0), [3, 2, 1])),
        (np.ones((4, 3)), np.ones((4, 3))),
        (POINTS[:1], NOISY[:1]),
        (np.vstack([np.eye(3), -np.eye(3)]), -np.vstack([np.eye(3), -np.eye(3)])),
    ],
    ids=["line", "one_place", "one_point", "mirrored_octahedron"],
)
def test_an_open_rotation_is_an_error(points, targets):
    with pytest.raises(TransformError, match="determine a rotation"):
        fit_rigid(points, targets)


@pytest.mark.parametrize(
    ("points", "targets", "weights", "message"),
    [
        (POINTS, NOISY[1:], None, r"\(200, 3\) and \(199, 3\)"),
        (POINTS[0], NOISY[0], None, "corresponding"),
        (np.zeros((0, 3)), np.zeros((0, 3)), None, "corresponding"),
        (POINTS, NOISY, np.zeros(200), "above 0"),
        (POINTS, NOISY, -np.ones(200), "of 0 or more"),
        (POINTS, NOISY, np.full(200, np.nan), "finite"),
        (POINTS, NOISY, np.ones(199), "200 finite weights"),
    ],
)
def test_wrong_inputs(points, targets, weights, message):
    with pytest.raises(InputError, match=message):
        fit_rigid(points, targets, weights=weights)
