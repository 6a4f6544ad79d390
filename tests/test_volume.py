"""Volumes: voxels and grid belong together, and stay together in a crop."""

from dataclasses import replace

import numpy as np
import pytest

from hepareg.errors import ImageError, MaskError
from hepareg.geometry import Grid
from hepareg.geometry.profile import mask_profile
from hepareg.volume import Phase, Volume

GRID = Grid((5, 4, 3), np.array([[-2.0, 0, 0, 10], [0, 0, 3.0, 20], [0, 1.0, 0, 30], [0, 0, 0, 1]]))


def test_crop_is_a_view_whose_voxels_stay_in_place():
    volume = Volume(np.arange(60, dtype=np.int16).reshape(5, 4, 3), GRID, phase=Phase.ARTERIAL)
    cropped = volume.crop((1, 1, 0), (4, 3, 2))
    assert cropped.shape == (3, 2, 2)
    assert cropped.phase is Phase.ARTERIAL
    assert np.shares_memory(cropped.data, volume.data)
    assert cropped.data[2, 0, 1] == volume.data[3, 1, 1]
    np.testing.assert_allclose(cropped.grid.world_points([2, 0, 1]), GRID.world_points([3, 1, 1]))


def test_a_crop_to_everything_is_the_volume_itself():
    volume = Volume(np.zeros((5, 4, 3)), GRID)
    assert volume.crop((0, 0, 0), volume.shape) is volume
    for start, stop in (((0, 0, 1), (5, 4, 3)), ((0, 0, 0), (5, 4, 2))):
        assert volume.crop(start, stop).shape == (5, 4, 2)
    with pytest.raises(ImageError, match="voxel range inside"):
        volume.crop((0, 0, 0), (5, 4, 4))


def test_shape_must_be_the_grids():
    with pytest.raises(ImageError, match=r"expected \(5, 4, 3\) voxels"):
        Volume(np.zeros((5, 4, 4)), GRID)
    with pytest.raises(ImageError, match="voxels as the grid says"):
        Volume(np.zeros((5, 4, 3)), GRID).with_data(np.zeros((1, 1, 1)))


def test_centroid_is_the_mean_of_the_voxels_world_points():
    mask = np.random.default_rng(1).random(GRID.shape) > 0.7
    expected = GRID.world_points(np.argwhere(mask)).mean(axis=0)
    assert np.allclose(Volume(mask, GRID).centroid_mm, expected, atol=1e-12)  # rounding of coordinates up to 40 mm
    labels = np.zeros(GRID.shape, np.uint8)
    labels[1, 3, 1], labels[3, 3, 1] = 1, 5  # every label counts alike
    assert np.allclose(Volume(labels, GRID).centroid_mm, GRID.world_points([2, 3, 1]), atol=1e-12)
    with pytest.raises(MaskError, match="got an empty one"):
        _ = Volume(np.zeros(GRID.shape), GRID).centroid_mm


def test_a_mask_is_counted_once(monkeypatch):
    counted = []
    monkeypatch.setattr("hepareg.volume.mask_profile", lambda data: counted.append(data) or mask_profile(data))
    volume = Volume(np.ones(GRID.shape, bool), GRID)
    assert volume.profile is volume.profile
    assert volume.crop((1, 0, 0), (5, 4, 3)).profile.total == 48
    assert len(counted) == 1


def test_a_copy_with_other_voxels_counts_anew():
    """`dataclasses.replace` may not hand the counts of the old voxels on."""
    volume = Volume(np.ones(GRID.shape, bool), GRID)
    assert volume.profile.total == 60
    assert replace(volume, data=np.zeros(GRID.shape, bool)).profile.total == 0


def test_a_crop_counts_what_is_left():
    data = np.arange(60).reshape(5, 4, 3) % 3 == 0
    volume = Volume(data, GRID)
    assert volume.profile.total == 20
    cropped = volume.crop((1, 1, 0), (4, 3, 2))
    expected = Volume(data[1:4, 1:3, :2], cropped.grid).profile
    assert all(np.array_equal(a, b) for a, b in zip(cropped.profile.counts, expected.counts, strict=True))
    assert cropped.with_data(np.ones(cropped.shape, bool)).profile.total == 12
