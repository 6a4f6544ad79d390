"""The contrast phase from the largest vessel near the spine, in simple bodies."""

import numpy as np
import pytest

from hepareg.geometry import Grid
from hepareg.registration.witnesses.vessel_contrast import vessel_contrast_hu
from hepareg.volume import Volume

SHAPE = (100, 80, 50)
GRID = Grid(SHAPE, np.diag([3.0, 3.0, 3.0, 1.0]))
CENTRE = np.array([150.0, 120.0, 75.0])
LIVER = CENTRE + np.random.default_rng(0).uniform(-20.0, 20.0, (500, 3)) + [70.0, 10.0, 0.0]


def body(*, aorta_hu, liver_hu):
    """Return an elliptic body with a liver on the right, a spine with discs, and an aorta before it on the left."""
    points = GRID.world_points(np.moveaxis(np.indices(SHAPE), 0, -1)) - CENTRE
    x, y, z = np.moveaxis(points, -1, 0)
    hu = np.where((x / 130) ** 2 + (y / 100) ** 2 < 1, 40.0, -1000.0)
    hu[np.hypot(x - 70, y - 10) < 50] = liver_hu
    spine = np.hypot(x, y + 40) < 18
    hu[spine] = np.where(z[spine] % 32 < 22, 220.0, 90.0)
    hu[np.hypot(x + 14, y + 8) < 11] = aorta_hu
    noise = 10.0 * np.random.default_rng(1).standard_normal(SHAPE)
    return Volume((hu + noise).astype(np.int16), GRID)


@pytest.mark.parametrize(("aorta_hu", "liver_hu"), [(380.0, 60.0), (170.0, 110.0), (130.0, 100.0)])
def test_the_aorta_is_found_beside_a_bright_spine(aorta_hu, liver_hu):
    found = vessel_contrast_hu(body(aorta_hu=aorta_hu, liver_hu=liver_hu), LIVER)
    assert found == pytest.approx(aorta_hu - liver_hu, abs=35.0)  # noise and partial volumes in blocks of 3 mm


def test_without_contrast_medium_nothing_stands_out():
    assert abs(vessel_contrast_hu(body(aorta_hu=40.0, liver_hu=60.0), LIVER)) < 60.0


def test_an_image_without_the_place_of_the_aorta_says_nothing():
    part = body(aorta_hu=380.0, liver_hu=60.0).crop((0, 0, 0), (100, 80, 3))
    assert vessel_contrast_hu(part, LIVER + np.array([0.0, 0.0, 300.0])) is None
