"""The three vessel systems of a liver: inside it, from where they should enter, and as dense as asked."""

import numpy as np
import pytest

from hepareg.geometry import Grid
from hepareg.simulation.anatomy.anatomy import LIVER_TREES
from hepareg.simulation.anatomy.liver_vessels import LiverVesselSettings, grow_liver_vessels
from hepareg.simulation.organ_space import OrganSpace

GRID = Grid((80, 70, 56), np.array([[2.5, 0, 0, -60], [0, 2.5, 0, 40], [0, 0, 2.5, -300], [0, 0, 0, 1]]))
HILUM, CONFLUENCE = np.array([10.0, 0, -30]), np.array([0, -20.0, 40])
SETTINGS = LiverVesselSettings(num_portal=60, num_hepatic=40)


@pytest.fixture(scope="module")
def space():
    points = GRID.world_points(np.moveaxis(np.indices(GRID.shape), 0, -1)) - GRID.centre_mm
    return OrganSpace(np.linalg.norm(points / [90.0, 78.0, 62.0], axis=-1) < 1, GRID)


def grown(space, seed=0, settings=SETTINGS, **places):
    return grow_liver_vessels(space, settings=settings, rng=np.random.default_rng(seed), **places)


def num_ends(tree):
    return len(tree.points) - len(np.unique(tree.parent[1:]))


def test_three_trees_inside_the_liver(space):
    hepatic, portal, artery = grown(space)
    assert (hepatic.label, portal.label, artery.label) == LIVER_TREES
    for tree in (hepatic, portal):
        inside = space.inside[tuple(space.grid.nearest_voxels(tree.points).T)]
        assert inside.mean() > 0.99
    assert len(artery.points) == len(portal.points)  # each artery accompanies a portal branch
    assert (artery.radius_mm < portal.radius_mm).mean() > 0.6


def test_trunks_begin_at_the_given_places(space):
    centre = GRID.centre_mm
    hepatic, portal, _ = grown(space, hilum=centre + HILUM, confluence=centre + CONFLUENCE)
    assert np.abs(portal.points[0] - centre - HILUM).max() < 2  # moved to 5 mm below the surface at most
    assert np.abs(hepatic.points[0] - centre - CONFLUENCE).max() < 2
    assert portal.radius_mm[0] == pytest.approx(SETTINGS.portal_radius_mm)
    assert hepatic.radius_mm[0] == pytest.approx(SETTINGS.hepatic_radius_mm)


def test_ends_are_as_many_as_the_volume_asks_for(space):
    litres = len(space.points) * 27 / 1e6
    hepatic, portal, _ = grown(space)
    # Spacing between ends may leave no room for the last few.
    assert 0.7 * 60 * litres / 1.5 < num_ends(portal) <= round(60 * litres / 1.5)
    assert 0.7 * 40 * litres / 1.5 < num_ends(hepatic) <= round(40 * litres / 1.5)


def test_another_seed_is_another_patient(space):
    one, same, other = grown(space, 1)[1], grown(space, 1)[1], grown(space, 2)[1]
    assert np.array_equal(one.points, same.points)
    assert one.points.shape != other.points.shape or not np.allclose(one.points, other.points)
