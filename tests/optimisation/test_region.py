"""Distances to a mask, in mm on any grid."""

import numpy as np
import pytest
import torch

from hepareg.geometry import Grid
from hepareg.optimisation.region import distance_to_mask, masked_box
from hepareg.volume import Volume


def test_distance_is_in_mm_and_zero_inside():
    data = np.zeros((30, 20, 40), dtype=bool)
    data[10:20, 5:15, 10:30] = True
    mask = Volume(data, Grid(data.shape, np.diag([2.5, 3.0, 4.0, 1.0])))
    found = distance_to_mask(mask, device=torch.device("cpu"))

    def at(*voxel):
        return float(found.data[tuple(np.rint(found.grid.voxel_points(mask.grid.world_points(voxel))).astype(int))])

    assert at(15, 10, 20) == 0
    assert np.isclose(at(15, 10, 32), 12.0)  # three slices of 4 mm beyond the last one inside
    assert np.isclose(at(7, 10, 20), 7.5)


def test_box_holds_the_mask_and_its_margin():
    data = np.zeros((30, 20, 40), dtype=bool)
    data[10, 10, 10] = True
    start, stop = masked_box(Volume(data, Grid(data.shape, np.diag([2.5, 3.0, 4.0, 1.0]))), 6.0)
    assert start.tolist() == [7, 8, 8]
    assert stop.tolist() == [14, 13, 13]


def test_the_distance_grows_beyond_a_mask_that_ends_at_a_face():
    mask = Volume(np.ones((20, 20, 20), dtype=bool), Grid((20, 20, 20), np.diag([2.5, 2.5, 2.5, 1.0])))
    distance = distance_to_mask(mask, device=torch.device("cpu"))
    at = np.rint(distance.grid.voxel_points([[25.0, 25.0, 47.5], [25.0, 25.0, 62.5]])).astype(int)
    values = [float(distance.data[tuple(v)]) for v in at]
    assert values == pytest.approx([0.0, 15.0])
