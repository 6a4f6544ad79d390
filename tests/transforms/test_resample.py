"""Sampling of volumes on other grids."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from hepareg.geometry import Grid
from hepareg.geometry.rotations import rotation_from_vector
from hepareg.transforms import RigidTransform
from hepareg.transforms.resample import resample
from hepareg.volume import Volume


def placed(shape, spacing, *, rotation=(0, 0, 0), flips=(1, 1, 1), origin=(0, 0, 0)):
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_from_vector(rotation) @ np.diag(np.multiply(spacing, flips))
    matrix[:3, 3] = origin
    return Grid(shape, matrix)


GRIDS = {
    "ras": placed((20, 24, 16), (1.0, 1.0, 1.0)),
    "lps": placed((20, 24, 16), (0.8, 0.8, 2.0), flips=(-1, -1, 1), origin=(15, 20, -9)),
    "anisotropic": placed((25, 18, 9), (0.7, 0.9, 3.0), origin=(-3, 40, 7)),
    "oblique": placed((22, 21, 14), (0.9, 0.7, 1.7), rotation=(0.4, -0.2, 0.6), origin=(5, -2, 3)),
    "left-handed": placed(
        (22, 21, 14), (0.9, 0.7, 1.7), rotation=(0.1, 0.3, -0.2), flips=(1, 1, -1), origin=(5, -2, 30)
    ),
}
POSE = RigidTransform.from_vectors([0.1, -0.2, 0.15], [2.0, -1.5, 3.0], centre_mm=[10, 10, 10])


def around(grid, shape=(19, 17, 13)):
    """Return an oblique grid in the fixed world whose image under POSE covers the middle of ``grid``."""
    target = placed(shape, (0.8, 0.9, 1.1), rotation=(-0.2, 0.1, 0.3), flips=(1, -1, 1))
    matrix = target.world_from_voxel.copy()
    # The odd 0.013 mm keeps samples off the half-way points, where "nearest" is anybody's choice.
    matrix[:3, 3] += POSE.inverse().apply(grid.centre_mm) - target.centre_mm + 0.013
    return Grid(shape, matrix)


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_own_grid_gives_back_every_voxel(name, order):
    grid = GRIDS[name]
    data = np.asarray(np.random.default_rng(0).integers(-1000, 2000, grid.shape), dtype=np.int16, order=order)
    for interpolation in ("linear", "nearest"):
        assert np.array_equal(resample(Volume(data, grid), grid, interpolation=interpolation).data, data)


@pytest.mark.parametrize("name", GRIDS)
def test_linear_function_of_the_world_is_sampled_exactly(name):
    grid, slope = GRIDS[name], np.array([3.0, -2.0, 5.0])
    voxels = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    volume = Volume(grid.world_points(voxels) @ slope, grid)
    target = around(grid)
    points = POSE.apply(target.world_points(np.stack(np.meshgrid(*map(np.arange, target.shape), indexing="ij"), -1)))
    pulled = resample(volume, target, moving_from_fixed=POSE, padding=np.nan)
    inside = grid.contains(points)
    assert inside.mean() > 0.1
    assert np.allclose(pulled.data[inside], (points @ slope)[inside], atol=1e-9)


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize(("interpolation", "order"), [("linear", 1), ("nearest", 0)])
def test_agrees_with_scipy(name, interpolation, order):
    grid = GRIDS[name]
    data = np.random.default_rng(2).normal(size=grid.shape).astype(np.float32)
    target = around(grid)
    voxels = np.stack(np.meshgrid(*map(np.arange, target.shape), indexing="ij"), axis=-1)
    coordinates = np.moveaxis(grid.voxel_points(POSE.apply(target.world_points(voxels))), -1, 0)
    expected = map_coordinates(data, coordinates, order=order, mode="nearest", prefilter=False)
    outside = ((coordinates < -0.5) | (coordinates > np.array(grid.shape).reshape(3, 1, 1, 1) - 0.5)).any(0)
    expected[outside] = -1024
    found = resample(Volume(data, grid), target, moving_from_fixed=POSE, interpolation=interpolation)
    assert outside.any()
    assert np.abs(found.data - expected).max() < 1e-4


def test_edge_rule():
    grid = placed((4, 1, 1), (2.0, 1.0, 1.0))
    volume = Volume(np.array([10.0, 20, 30, 40]).reshape(4, 1, 1), grid)
    for shift, expected in ((-0.99, 10), (-1.01, -1024), (6.99, 40), (7.01, -1024), (1.0, 15)):
        point = placed((1, 1, 1), (1, 1, 1), origin=(shift, 0, 0))
        assert resample(volume, point).data.item() == pytest.approx(expected), shift


def test_integers_are_rounded_and_saturated():
    grid = placed((2, 1, 1), (1, 1, 1))
    halfway = placed((1, 1, 1), (1, 1, 1), origin=(0.75, 0, 0))
    assert resample(Volume(np.array([-3, -4], np.int16).reshape(2, 1, 1), grid), halfway).data.item() == -4
    bright = Volume(np.array([60000, 60000], np.float32).reshape(2, 1, 1), grid)
    assert resample(bright, halfway, dtype=np.int16).data.item() == 32767


@pytest.mark.parametrize(
    "dtype", [bool, np.uint8, np.int16, ">i2", np.uint16, np.int32, np.int64, np.float16, "f4", ">f4"]
)
def test_types_and_byte_orders(dtype):
    grid = GRIDS["oblique"]
    data = (np.random.default_rng(3).random(grid.shape) > 0.5).astype(dtype)
    pulled = resample(Volume(data, grid), grid, interpolation="nearest", padding=0)
    assert pulled.data.dtype == np.dtype(dtype)
    assert np.array_equal(pulled.data, data)


def test_slabs_join_without_a_seam(monkeypatch):
    from hepareg.transforms import resample as module

    grid = GRIDS["anisotropic"]
    volume = Volume(np.random.default_rng(4).normal(size=grid.shape), grid)
    whole = resample(volume, around(grid), moving_from_fixed=POSE).data
    monkeypatch.setattr(module, "SLAB_VOXELS", 1)
    assert np.allclose(resample(volume, around(grid), moving_from_fixed=POSE).data, whole, atol=1e-10)


def test_a_plane_is_a_grid():
    grid = GRIDS["lps"]
    volume = Volume(np.random.default_rng(5).normal(size=grid.shape), grid)
    plane = grid.crop((0, 0, 5), (*grid.shape[:2], 6))
    assert np.allclose(resample(volume, plane).data, volume.data[:, :, 5:6])


@pytest.mark.parametrize("name", GRIDS)
def test_agrees_with_the_differentiable_warp(name):
    """Both samplers see the same world; the warp's hull ends at voxel centres, so only what is inside is compared."""
    torch = pytest.importorskip("torch")
    from hepareg.transforms.warp import warp

    grid, target = GRIDS[name], around(GRIDS[name])
    data = np.random.default_rng(6).normal(size=grid.shape)
    image, valid = warp(
        torch.from_numpy(data)[None, None],
        moving_world_from_voxel=grid.world_from_voxel,
        fixed_world_from_voxel=target.world_from_voxel,
        fixed_shape=target.shape,
        moving_from_fixed=POSE.matrix,
    )
    inside = valid[0, 0].numpy()
    assert inside.mean() > 0.1
    found = resample(Volume(data, grid), target, moving_from_fixed=POSE)
    assert np.abs(found.data - image[0, 0].numpy())[inside].max() < 1e-3
