import numpy as np
import pytest
import torch

from hepareg.geometry import Grid
from hepareg.transforms.block_average import average_blocks
from hepareg.volume import Volume

CPU = torch.device("cpu")


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32])
def test_blocks_are_means_at_their_centres(dtype):
    grid = Grid((7, 6, 5), [[0, 2, 0, 10], [-1, 0, 0, 20], [0, 0, 3, 30], [0, 0, 0, 1]])
    values = np.random.default_rng(0).integers(0, 200, grid.shape).astype(dtype)
    means, coarse = average_blocks(Volume(values, grid), np.array([3, 2, 1]), window=(-np.inf, np.inf), device=CPU)
    expected = values[:6].astype(float).reshape(2, 3, 3, 2, 5).mean(axis=(1, 3))  # the seventh plane fills no block
    np.testing.assert_allclose(means.numpy(), expected, rtol=1e-6)  # float32
    np.testing.assert_allclose(coarse.world_points([1, 2, 4]), grid.world_points([4, 4.5, 4]))


def test_values_are_clamped_before_they_are_averaged():
    volume = Volume(np.array([-1000, 100], dtype=np.int16).reshape(2, 1, 1), Grid((2, 1, 1), np.eye(4)))
    means, _ = average_blocks(volume, np.array([2, 1, 1]), window=(-200, 300), device=CPU)
    assert means.item() == -50
