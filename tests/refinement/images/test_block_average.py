"""Block averages keep world positions."""

import numpy as np
import pytest
import torch

from hepareg.geometry import Grid
from hepareg.geometry.rotations import rotation_from_vector
from hepareg.refinement.images.block_average import block_average, block_factors
from hepareg.volume import Volume

CPU = torch.device("cpu")


def grid(mirrored=False):
    linear = rotation_from_vector([0.2, -0.4, 0.3]) @ np.diag([0.8, 1.1, 2.5])
    matrix = np.eye(4)
    matrix[:3, :3] = linear * [-1, 1, 1] if mirrored else linear
    matrix[:3, 3] = [-120, 60, 300]
    return Grid((13, 12, 7), matrix)


@pytest.mark.parametrize("mirrored", [False, True])
def test_an_image_of_coordinates_stays_one(mirrored):
    fine = grid(mirrored)
    points = fine.world_points(np.stack(np.meshgrid(*map(np.arange, fine.shape), indexing="ij"), axis=-1))
    for axis in range(3):
        coarse = block_average(Volume(points[..., axis], fine), np.array([3, 2, 1]), window=(-1e4, 1e4), device=CPU)
        assert coarse.data.shape == (4, 6, 7) == coarse.grid.shape
        voxels = np.stack(np.meshgrid(*map(np.arange, coarse.grid.shape), indexing="ij"), axis=-1)
        # float32 of a few hundred mm
        assert np.abs(coarse.grid.world_points(voxels)[..., axis] - coarse.data.numpy()).max() < 1e-3


def test_factors_are_nearest_and_never_exceed_the_image():
    assert block_factors(grid(), 2.5).tolist() == [3, 2, 1]
    assert block_factors(grid(), 1.0).tolist() == [1, 1, 1]
    assert block_factors(grid(), 1000.0).tolist() == [13, 12, 7]


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.int16, ">i2", np.float64])
def test_any_dtype_gives_the_same_mean(dtype):
    voxels = (np.arange(4 * 4 * 4).reshape(4, 4, 4) % 2).astype(dtype)
    image = Volume(voxels, Grid((4, 4, 4), np.eye(4)))
    found = block_average(image, np.array([2, 2, 2]), window=(0, 1), device=CPU)
    assert found.data.dtype == torch.float32
    assert torch.equal(found.data, torch.full((2, 2, 2), 0.5))


def test_the_window_comes_before_the_mean():
    image = Volume(np.array([[[-3000, 100]]], dtype=np.int16), Grid((1, 1, 2), np.eye(4)))
    assert block_average(image, np.array([1, 1, 2]), window=(-200, 300), device=CPU).data.item() == -50


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("writeable", [True, False])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("factor", [1, 2])
def test_the_image_stays_as_it_was(factor, order, writeable):
    """A float32 image needs no conversion, so the window would be applied to the caller's own memory."""
    data = np.asarray(np.random.default_rng(0).normal(0, 1000, (8, 6, 4)).astype(np.float32), order=order)
    before = data.copy()
    data.flags.writeable = writeable
    image = Volume(data, Grid(data.shape, np.eye(4)))
    coarse = block_average(image, np.full(3, factor), window=(-200, 300), device=CPU)
    assert float(coarse.data.max()) <= 300
    np.testing.assert_array_equal(data, before)


@pytest.mark.parametrize("factors", [(1, 1, 1), (2, 2, 1), (7, 6, 3), (12, 12, 7)])
@pytest.mark.parametrize("window", [(-1000.0, 500.0), (-200.5, 300.0), (-30_000.0, 30_000.0)])
def test_short_integers_give_the_same_numbers_as_floats(factors, window):
    """Sums are made in 16 bits where they fit, in single precision where they would overflow."""
    voxels = np.random.default_rng(3).integers(-32_768, 32_767, grid().shape).astype(np.int16)
    short, exact = (
        block_average(Volume(data, grid()), np.array(factors), window=window, device=CPU).data
        for data in (voxels, voxels.astype(np.float64))
    )
    assert torch.allclose(short, exact, rtol=1e-6, atol=1e-3)
    if window[1] == 500.0:
        assert torch.equal(short, exact)  # whole numbers below 2^24, in whatever order


@pytest.mark.parametrize("factors", [(5, 7, 7), (5, 5, 2), (7, 5, 1), (8, 8, 1), (2, 2, 2)])
@pytest.mark.parametrize("window", [(-200.0, 300.0), (-1000.0, 500.0), (-500.0, 1000.0)])
@pytest.mark.parametrize("value", [-32_768, 32_767])
def test_sums_at_the_ends_of_the_window_do_not_overflow(factors, window, value):
    image = Volume(np.full((13, 12, 7), value, dtype=np.int16), grid())
    found = block_average(image, np.array(factors), window=window, device=CPU).data
    assert torch.equal(found, torch.full_like(found, float(np.clip(value, *window))))
