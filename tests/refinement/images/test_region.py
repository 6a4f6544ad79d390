"""Distances to a mask, in mm on any grid."""

import numpy as np
import pytest
import torch

from hepareg.geometry import Grid
from hepareg.refinement.images.region import RegionSettings, distance_to_mask, mask_with_margin
from hepareg.volume import Volume


def test_distance_is_in_mm_and_zero_inside():
    data = np.zeros((30, 20, 40), dtype=bool)
    data[10:20, 5:15, 10:30] = True
    mask = Volume(data, Grid(data.shape, np.diag([2.5, 3.0, 4.0, 1.0])))
    found = distance_to_mask(mask, device=torch.device("cpu"), settings=RegionSettings())

    def at(*voxel):
        return float(found.data[tuple(np.rint(found.grid.voxel_points(mask.grid.world_points(voxel))).astype(int))])

    assert at(15, 10, 20) == 0
    assert np.isclose(at(15, 10, 32), 12.0)  # three slices of 4 mm beyond the last one inside
    assert np.isclose(at(7, 10, 20), 7.5)


def test_mask_with_its_margin_is_the_same_of_a_cropped_image():
    data = np.zeros((30, 20, 40), dtype=bool)
    data[10, 10, 10] = True
    whole = Volume(data, Grid(data.shape, np.diag([2.5, 3.0, 4.0, 1.0])))
    found = mask_with_margin(whole, 6.0)
    assert found.shape == (7, 5, 5)
    assert np.argwhere(found.data).tolist() == [[3, 2, 2]]
    assert np.allclose(found.grid.world_points([0, 0, 0]), [17.5, 24.0, 32.0])
    cut = mask_with_margin(whole.crop((9, 10, 10), (11, 20, 40)), 6.0)
    assert np.array_equal(cut.data, found.data)
    assert cut.grid.same_as(found.grid, tolerance_vox=1e-9)


def test_the_distance_grows_beyond_a_mask_that_ends_at_a_face():
    mask = Volume(np.ones((20, 20, 20), dtype=bool), Grid((20, 20, 20), np.diag([2.5, 2.5, 2.5, 1.0])))
    distance = distance_to_mask(mask, device=torch.device("cpu"), settings=RegionSettings())
    at = np.rint(distance.grid.voxel_points([[25.0, 25.0, 47.5], [25.0, 25.0, 62.5]])).astype(int)
    values = [float(distance.data[tuple(v)]) for v in at]
    assert values == pytest.approx([0.0, 15.0])
