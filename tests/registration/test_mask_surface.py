"""Surfaces of masks whose shape is known."""

import numpy as np
import pytest
import torch

from hepareg import Grid, Volume
from hepareg.registration.mask_surface import MaskSurfaceSettings, mask_surface

RADIUS_MM = 30.0
OBLIQUE = np.array([[0.0, 1.5, 0, 5], [1.2, 0, 0, -6], [0, 0, -2.0, 80], [0, 0, 0, 1]])


def ball(radius_mm=RADIUS_MM, centre_mm=(50.0, 40.0, 10.0), above_mm=-np.inf):
    grid = Grid((80, 66, 76), OBLIQUE)
    points = grid.world_points(np.moveaxis(np.indices(grid.shape), 0, -1))
    inside = np.linalg.norm(points - centre_mm, axis=-1) <= radius_mm
    return Volume(inside & (points[..., 2] > above_mm), grid), np.array(centre_mm)


def surface_of(mask, **settings):
    return mask_surface(mask, settings=MaskSurfaceSettings(**settings))


@pytest.mark.parametrize("spacing_mm", [2.5, 4.0])
def test_points_areas_and_distances_of_a_ball(spacing_mm):
    mask, centre = ball()
    surface = surface_of(mask, spacing_mm=spacing_mm)
    from_centre = np.linalg.norm(surface.points_mm - centre, axis=1)
    # voxels of up to 2 mm: the outline is right to a fraction of one on average, and to a block everywhere
    assert from_centre.mean() == pytest.approx(RADIUS_MM, abs=0.3)
    assert np.abs(from_centre - RADIUS_MM).max() < 2.5
    # each point's share comes from a normal that is itself measured on voxels
    assert surface.areas_mm2.sum() == pytest.approx(4 * np.pi * RADIUS_MM**2, rel=0.05)
    directions = np.random.default_rng(0).standard_normal((300, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for away in (-8.0, 0.0, 8.0):
        found = surface.measure(centre + (RADIUS_MM + away) * directions)
        # distances between centres of blocks are half a block off at worst, those near the surface much less
        assert found.mm.mean() == pytest.approx(away, abs=0.5 * spacing_mm if away else 0.4)
        assert ((found.gradients * directions).sum(axis=1) > 0.7).mean() > 0.95
        assert found.comparable.all()


def test_areas_do_not_depend_on_the_shape_of_the_voxels():
    grid = Grid((80, 66, 76), OBLIQUE)
    away = np.abs(grid.world_points(np.moveaxis(np.indices(grid.shape), 0, -1)) - [50.0, 40.0, 10.0])
    box = surface_of(Volume((away <= [24.0, 21.0, 30.0]).all(axis=-1), grid), cut_share=1.0)
    faces = np.abs(box.points_mm - [50.0, 40.0, 10.0]) / [24.0, 21.0, 30.0]
    shares = [box.areas_mm2[faces.argmax(axis=1) == axis].sum() for axis in range(3)]
    # edges are rounded by the blocks, so that a face loses or gains a strip of about a block: a tenth of its area
    np.testing.assert_allclose(shares, [8 * 21 * 30, 8 * 24 * 30, 8 * 24 * 21], rtol=0.1)


def test_the_flat_end_of_a_cut_mask_is_no_surface():
    mask, centre = ball(above_mm=-5.0)
    surface = surface_of(mask)
    assert surface.points_mm[:, 2].min() > -6.5
    assert (np.linalg.norm(surface.points_mm - centre, axis=1) > RADIUS_MM - 2.0).all()  # none on the flat face
    below, above = centre + np.array([[0, 0, -25.0], [0, 0, 10.0]])
    found = surface.measure(np.array([below, above]))
    assert found.comparable.tolist() == [False, True]


def test_the_inside_is_the_mask_without_its_rim():
    mask, centre = ball()
    inside = surface_of(mask).distance_below(5.0, device=torch.device("cpu"))
    radii = np.linalg.norm(inside.grid.world_points(np.argwhere(inside.data.numpy() == 0)) - centre, axis=1)
    assert radii.max() == pytest.approx(RADIUS_MM - 5.0, abs=2.0)


def test_a_mask_that_vanishes_has_no_surface():
    grid = Grid((20, 20, 20), np.eye(4))
    speck = np.zeros(grid.shape, dtype=bool)
    speck[::7, ::7, ::7] = True
    assert surface_of(Volume(speck, grid), spacing_mm=4.0) is None
