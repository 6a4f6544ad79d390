"""Bending: the field's shape, the rigid fit, and a known displacement found again."""

import numpy as np
import torch

from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.sampled_features import sampled_features
from hepareg.refinement.local_affine import LocalAffine, LocalAffineSettings
from hepareg.refinement.smooth_field import SmoothField, SmoothFieldSettings, displace, estimate_field
from hepareg.transforms import RigidTransform


def test_field_at_its_knots_and_far_away():
    field = SmoothField(np.zeros((1, 3)), np.array([[1.0, -2.0, 3.0]]), 50.0)
    assert np.allclose(field(np.zeros((1, 3))), [[1, -2, 3]])
    # along x at one length: the x component keeps its full share, the others fall to (2 - 1) / 2
    assert np.allclose(field(np.array([[50.0, 0, 0]])), np.exp(-0.5) * np.array([[1, -1, 1.5]]))
    assert np.abs(field(np.array([[500.0, 0, 0]]))).max() < 1e-12


def test_field_keeps_volumes():
    rng = np.random.default_rng(3)
    field = SmoothField(rng.uniform(-60, 60, (9, 3)), rng.normal(size=(9, 3)), 40.0)
    points, h = rng.uniform(-60, 60, (50, 3)), 1e-3
    slopes = np.stack([(field(points + h * e) - field(points - h * e)) / (2 * h) for e in np.eye(3)], axis=1)
    assert np.abs(slopes).max() > 1e-2
    assert np.abs(np.trace(slopes, axis1=1, axis2=2)).max() < 1e-8


def test_a_known_displacement_is_found_again(oblique_problem, organ_values):
    """The moving image shows organ(x) at x + u(x); u is a smooth bend of 3 mm."""
    images, truth = oblique_problem.images(), RigidTransform.identity()
    bend = SmoothField(images.centre_mm + np.array([[25.0, 0, 0], [-25.0, 10, 0]]),
                       np.array([[0, 0, 3.0], [0, 2.0, -2.0]]), 35.0)  # fmt: skip
    grid = oblique_problem.moving
    points = grid.world_points(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1)).reshape(-1, 3)
    source = points - bend(points)
    for _ in range(20):  # the point that the bend takes to each voxel
        source = points - bend(source)
    from_organ = organ_values(source).reshape(grid.shape)
    moving = GridImage(torch.from_numpy(from_organ.astype(np.float32)), grid)
    residual = LocalAffine(images.cells, sampled_features(moving, deblur=0.5), settings=LocalAffineSettings())
    settings = SmoothFieldSettings(block_mm=20.0, amplitude_mm=3.0, length_mm=35.0, noise_factor=1.0)
    probe = images.centre_mm + np.random.default_rng(2).uniform(-22, 22, (300, 3))
    found = estimate_field(residual, truth, points_mm=probe, settings=settings)
    wanted = bend(probe)
    error = np.linalg.norm(found(probe) - wanted, axis=1)
    # blocks of 20 mm move as a whole: what is left is a fraction of the bend's change within one
    assert np.linalg.norm(wanted, axis=1).mean() > 1.0
    assert error.mean() < 0.35 * np.linalg.norm(wanted, axis=1).mean()
    assert displace(residual, found)(truth.matrix[None]).objective < 0.3 * residual(truth.matrix[None]).objective
