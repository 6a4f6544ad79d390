import numpy as np
from numpy.typing import NDArray

from hepareg import Grid, Volume
from hepareg.registration.rough_liver import RoughLiverSettings, rough_liver_region


def test_the_rough_region_lies_in_the_liver(simulated_pair):
    region = rough_liver_region(simulated_pair.fixed, settings=RoughLiverSettings())
    liver = simulated_pair.fixed_liver
    points = region.grid.world_points(np.argwhere(region.data))
    voxels = np.rint(liver.grid.voxel_points(points)).astype(int).clip(0, np.array(liver.shape) - 1)
    inside = liver.data[tuple(voxels.T)] > 0
    assert inside.mean() > 0.7
    assert len(points) * region.grid.voxel_volume_mm3 > 0.4 * (liver.data > 0).sum() * liver.grid.voxel_volume_mm3


def test_no_large_organ_no_region():
    air = Volume(np.full((40, 40, 40), -1000, dtype=np.int16), Grid((40, 40, 40), np.diag([3.0, 3.0, 3.0, 1.0])))
    assert rough_liver_region(air, settings=RoughLiverSettings()) is None


def test_of_an_organ_that_touches_the_liver_little_is_taken():
    grid = Grid((60, 40, 40), np.diag([3.0, 3.0, 3.0, 1.0]))
    # Their common circle has a radius of 16 mm: too wide for what is thin to be cut there.
    liver, spleen = _ball(grid, [56.0, 58.0, 58.0], 50.0), _ball(grid, [131.0, 58.0, 58.0], 32.0)
    region = rough_liver_region(
        Volume(np.select([liver, spleen], [110, 120], -50).astype(np.int16), grid), settings=RoughLiverSettings()
    )
    points = region.grid.world_points(np.argwhere(region.data))
    inside = np.linalg.norm(points - [56.0, 58.0, 58.0], axis=-1) < 50
    assert inside.mean() > 0.95
    assert inside.sum() * region.grid.voxel_volume_mm3 > 0.9 * liver.sum() * grid.voxel_volume_mm3
    assert points[:, 0].max() < 56 + 50 + 16


def test_a_small_liver_is_found():
    grid = Grid((40, 40, 40), np.diag([3.0, 3.0, 3.0, 1.0]))
    liver = _ball(grid, [58.0, 58.0, 58.0], 18.0)
    region = rough_liver_region(Volume(np.where(liver, 110, -50).astype(np.int16), grid), settings=RoughLiverSettings())
    assert region.data.sum() * region.grid.voxel_volume_mm3 > 0.8 * liver.sum() * grid.voxel_volume_mm3


def _ball(grid: Grid, centre_mm: list[float], radius_mm: float) -> NDArray[np.bool_]:
    points = grid.world_points(np.argwhere(np.ones(grid.shape)))
    return (np.linalg.norm(points - centre_mm, axis=-1) < radius_mm).reshape(grid.shape)
