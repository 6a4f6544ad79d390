"""Streaks run from left to right, rays start at metal, and both stay in their slice."""

import numpy as np
import pytest

from hepareg.simulation.acquisition.streaks import metal_rays, starvation_streaks

SPACING_MM = np.array([2.0, 2.0, 2.0])


def test_streaks_run_from_left_to_right():
    streaks = starvation_streaks((120, 100, 4), SPACING_MM, level_hu=20.0, rng=np.random.default_rng(0))
    assert streaks.std() == pytest.approx(20, rel=1e-3)
    along, across, slices = ((streaks * np.roll(streaks, n, axis)).mean() / 400 for axis, n in ((0, 5), (1, 5), (2, 1)))
    assert along > 0.9  # 10 mm farther to the left it is the same streak ...
    assert abs(across) < 0.2  # ... 10 mm farther back another one,
    assert abs(slices) < 0.2  # as in the next slice


def test_metal_makes_rays_in_its_slice_alone():
    image = np.full((80, 80, 2), 60.0, dtype=np.float32)
    image[40, 40, 0] = 2900.0
    metal_rays(image, SPACING_MM, rng=np.random.default_rng(0))
    near, far = (np.ptp(np.delete(image[40 - n : 41 + n, 40 - n, 0], n)) for n in (5, 35))
    assert image[30:50, 30:50, 0].min() < 40
    assert np.sort(image[30:50, 30:50, 0].ravel())[-2] > 80
    assert far < near / 3  # the rays fade with the distance
    assert (image[:, :, 1] == 60).all()


def test_no_metal_no_rays():
    image = np.random.default_rng(1).uniform(-1000, 1900, (30, 30, 3)).astype(np.float32)
    before = image.copy()
    metal_rays(image, SPACING_MM, rng=np.random.default_rng(0))
    assert np.array_equal(image, before)
