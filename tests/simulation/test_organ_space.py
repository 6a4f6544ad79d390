"""The coarse copy of an organ: depth, inner points, and points moved into it."""

import numpy as np
import pytest

from hepareg.errors import MaskError
from hepareg.geometry import Grid
from hepareg.simulation.organ_space import OrganSpace, coarse_grid_around, mask_on_grid

GRID = Grid((60, 50, 40), np.array([[-1.5, 0, 0, 40], [0, 1.5, 0, -200], [0, 0, 2.0, 30], [0, 0, 0, 1]]))
CENTRE = GRID.centre_mm
RADIUS_MM = 28.0


@pytest.fixture(scope="module")
def ball():
    points = GRID.world_points(np.moveaxis(np.indices(GRID.shape), 0, -1))
    return np.linalg.norm(points - CENTRE, axis=-1) < RADIUS_MM


@pytest.fixture(scope="module")
def space(ball):
    return OrganSpace(ball, GRID)


def test_the_coarse_copy_has_the_organs_place_and_size(space):
    assert np.abs(space.points.mean(axis=0) - CENTRE).max() < 0.5
    volume = 4 / 3 * np.pi * RADIUS_MM**3
    assert len(space.points) * 27 == pytest.approx(volume, rel=0.03)
    assert not any(np.moveaxis(space.inside, axis, 0)[[0, -1]].any() for axis in range(3))


def test_depth_is_the_distance_to_the_surface(space):
    radius = np.linalg.norm(space.points - CENTRE, axis=1)
    depth = space.depth_mm[space.inside]
    assert np.abs(depth - (RADIUS_MM - radius)).max() < 3.5  # a coarse voxel of 3 mm, and half of a fine one
    assert (space.depth_mm[~space.inside] == 0).all()


def test_deeper_points_and_the_deepest_where_there_is_none(space):
    inner = space.points_deeper_than(12.0)
    assert np.linalg.norm(inner - CENTRE, axis=1).max() < RADIUS_MM - 12 + 3.5
    assert 0 < len(space.points_deeper_than(1000.0)) < len(inner)


def test_points_are_moved_inside_and_no_farther(space):
    outside = CENTRE + np.array([[60.0, 0, 0], [0, -35.0, 0], [200.0, 200.0, 200.0]])
    inside = CENTRE + np.array([[4.0, 3.0, -5.0]])
    moved = space.keep_inside(6.0)(np.vstack([outside, inside]))
    assert np.array_equal(moved[3:], inside)
    assert np.linalg.norm(moved[:3] - CENTRE, axis=1).max() < RADIUS_MM - 6 + 3.5
    assert np.abs(moved[0] - CENTRE - np.array([RADIUS_MM - 6, 0, 0])).max() < 6


def test_a_grid_around_points_and_a_mask_on_it(ball):
    grid = coarse_grid_around(np.array([[0.0, 1, 2], [30, 41, 52]]), spacing_mm=4.0, margin_mm=10.0)
    assert grid.contains([[-10, -9, -8], [40, 51, 62]]).all()
    assert grid.spacing_mm.tolist() == [4, 4, 4]
    assert np.array_equal(mask_on_grid(ball, GRID, GRID), ball.astype(np.float32))
    assert mask_on_grid(ball, GRID, coarse_grid_around(CENTRE[None] + 900, spacing_mm=3, margin_mm=9)).max() == 0


THREAD = np.eye(8, dtype=bool)[None, ::-1]
"""Passes none of the coarse grid's nodes, which lie 3 mm apart from a corner of its box on."""


@pytest.mark.parametrize(("mask", "text"), [(np.zeros((8, 8, 8), bool), "empty"), (THREAD, "thicker")])
def test_a_mask_without_inside(mask, text):
    with pytest.raises(MaskError, match=text):
        OrganSpace(mask, Grid(mask.shape, np.diag([0.2, 0.2, 0.2, 1.0])))
