"""Implicit shapes: zero on their surface, rounded where they meet, and of the right size when painted."""

import numpy as np
import pytest

from hepareg.geometry import Grid
from hepareg.simulation.shapes import (
    DesignGrid,
    ellipsoid,
    smooth_maximum,
    smooth_minimum,
    smooth_noise,
    tube,
)

GRID = Grid((70, 60, 50), np.array([[1.5, 0, 0, 100], [0, 1.5, 0, -50], [0, 0, 2.0, 7], [0, 0, 0, 1]]))
DESIGN = DesignGrid(GRID)


def test_an_ellipsoid_is_zero_on_its_surface():
    centre, radii = np.array([4.0, -3.0, 2.0]), np.array([20.0, 30.0, 10.0])
    for direction in np.vstack([np.eye(3), -np.eye(3)]):
        surface = (centre + radii * direction)[:, None]
        assert ellipsoid(surface, centre, radii)[0] == pytest.approx(0, abs=1e-5)
        assert ellipsoid(surface + 2 * direction[:, None], centre, radii)[0] > 0
    assert ellipsoid(np.full((3, 1), 7.0), np.zeros(3), np.full(3, 10.0), power=8.0)[0] < 0  # nearly a cube


def test_a_tube_bends_and_widens_with_height():
    path, radii = [(0, 0, -10), (10, 0, 10)], [2.0, 4.0]
    assert tube(np.array([[9.0], [0], [0]]), path, radii)[0] == pytest.approx(4 - 3)  # centre (5, 0), radius 3
    assert tube(np.array([[10.0], [4], [30]]), path, radii)[0] == pytest.approx(0)  # constant beyond the last node


def test_shapes_are_joined_smoothly():
    a, b = np.meshgrid(np.linspace(-20, 20, 41), np.linspace(-20, 20, 41))
    union = smooth_minimum(a, b, 6.0)
    assert (union <= np.minimum(a, b) + 1e-9).all()
    assert np.abs(union - np.minimum(a, b)).max() == pytest.approx(6 / 4)  # where both are equal
    apart = np.abs(a - b) >= 6
    assert np.array_equal(union[apart], np.minimum(a, b)[apart])
    assert np.allclose(smooth_maximum(a, b, 6.0), -smooth_minimum(-a, -b, 6.0))


def test_noise_has_its_deviation_and_its_scale():
    noise = smooth_noise((60, 50, 40), scale_vox=8.0, rng=np.random.default_rng(1))
    assert noise.std() == pytest.approx(1, abs=1e-3)
    near, far = (np.corrcoef(noise[:-step].ravel(), noise[step:].ravel())[0, 1] for step in (2, 30))
    assert near > 0.9
    assert abs(far) < 0.3


def test_a_painted_ellipsoid_has_its_volume_and_place():
    labels = np.zeros(GRID.shape, np.uint8)
    centre, radii = np.array([5.0, -4.0, 6.0]), np.array([25.0, 18.0, 21.0])
    DESIGN.paint(labels, ellipsoid(DESIGN.axes, centre, radii), 3)
    volume = (labels == 3).sum() * GRID.voxel_volume_mm3
    assert volume == pytest.approx(4 / 3 * np.pi * radii.prod(), rel=0.03)  # edges of a 3 mm design grid
    assert np.abs(GRID.world_points(np.argwhere(labels == 3)).mean(0) - GRID.centre_mm - centre).max() < 0.5
    whole = DESIGN.fine(ellipsoid(DESIGN.axes, centre, radii)) < 0
    assert np.array_equal(whole, labels == 3)


def test_a_shape_thinner_than_a_voxel_is_left_out():
    design = DesignGrid(Grid((12, 12, 12), np.diag([10.0, 10.0, 10.0, 1.0])))
    field = np.ones([len(axis.ravel()) for axis in design.axes], dtype=np.float32)
    field[5, 5, 5] = -1  # at 15 mm: none of the voxels at 0, 10, 20 mm is near
    labels = np.zeros((12, 12, 12), dtype=np.uint8)
    design.paint(labels, field, 7)
    assert not labels.any()
