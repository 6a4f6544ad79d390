"""The measuring of speed: volumes of every size hold the same anatomy and truth, rows count all runs."""

from importlib import import_module

import numpy as np
import pytest

from benchmarks.speed.volumes import extended, sized_pair
from hepareg.geometry import Grid
from hepareg.volume import Volume


@pytest.fixture
def volume():
    matrix = np.diag([-0.8, -0.8, 1.2, 1.0])
    matrix[:3, 3] = [100.0, 90.0, -300.0]
    data = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    return Volume(data, Grid(data.shape, matrix))


def test_longer_volume_keeps_every_voxel_where_it_was(volume):
    longer = extended(volume, 15, mirror=True)
    assert longer.shape == (4, 5, 15)
    first = np.rint(longer.grid.voxel_points(volume.grid.world_points([0, 0, 0]))).astype(int)
    assert first.tolist() == [0, 0, 4]
    assert np.array_equal(longer.data[..., 4:10], volume.data)
    assert np.array_equal(longer.data[..., 3], volume.data[..., 0])


def test_longer_mask_is_empty_where_it_grew(volume):
    longer = extended(volume.with_data(np.ones(volume.shape, np.uint8)), 15, mirror=False)
    assert longer.data.sum() == volume.data.size


@pytest.mark.slow
def test_sizes_share_anatomy_and_truth(tmp_path):
    small, large = (sized_pair(tmp_path / str(n), (96, 96, n)) for n in (80, 300))
    assert small.shape("fixed") == (96, 96, 80)
    assert large.shape("moving") == (96, 96, 300)
    assert np.allclose(small.truth.matrix, large.truth.matrix, atol=0.5)
    volumes = [pair.liver.data.sum() * pair.liver.grid.voxel_volume_mm3 for pair in (small, large)]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.02)


@pytest.mark.parametrize("name", ["gpu", "measure", "warm", "floor"])
def test_scripts_that_need_time_or_a_gpu_can_be_imported(name):
    assert callable(import_module(f"benchmarks.speed.{name}").main)
