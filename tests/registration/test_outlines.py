"""Centres of bodies and masks, and masks that the image's border cuts."""

import numpy as np
import pytest

from hepareg import Grid, Volume
from hepareg.registration.outlines import OutlineSettings, body_centre_mm, is_cut_by_border


def ball(shape=(40, 40, 60), centre=(20, 20, 30), radius=12, matrix=None):
    away = np.linalg.norm(np.indices(shape) - np.reshape(centre, (3, 1, 1, 1)), axis=0)
    return Volume(away <= radius, Grid(shape, np.eye(4) if matrix is None else matrix))


@pytest.mark.parametrize(("flip", "cut", "expected"), [(1, 0, (True, False)), (-1, 0, (False, True))])
def test_border_cut_knows_which_end_of_the_world(flip, cut, expected):
    mask = ball(centre=(20, 20, 5), matrix=np.diag([1.0, 1.0, flip, 1.0]))
    assert is_cut_by_border(mask, settings=OutlineSettings()) == expected


def test_a_mask_that_just_reaches_the_border_is_not_cut():
    assert is_cut_by_border(ball(centre=(20, 20, 12)), settings=OutlineSettings()) == (False, False)


def test_centres_in_the_world():
    mask = ball(matrix=np.array([[0.0, 2, 0, 5], [1, 0, 0, 6], [0, 0, -3, 7], [0, 0, 0, 1]]))
    expected = [45.0, 26.0, -83.0]
    body = mask.with_data(np.where(mask.data, 40, -1000).astype(np.int16))
    # the body is looked at on every fourth voxel
    np.testing.assert_allclose(body_centre_mm(body, settings=OutlineSettings()), expected, atol=4.0)
    air = mask.with_data(np.full(mask.shape, -1000, dtype=np.int16))
    np.testing.assert_allclose(body_centre_mm(air, settings=OutlineSettings()), air.grid.centre_mm)
