import numpy as np

from hepareg import Grid, Volume
from hepareg.registration.liver_region import rough_liver_region


def test_the_rough_region_lies_in_the_liver(simulated_pair):
    region = rough_liver_region(simulated_pair.fixed)
    liver = simulated_pair.fixed_liver
    points = region.grid.world_points(np.argwhere(region.data))
    voxels = np.rint(liver.grid.voxel_points(points)).astype(int).clip(0, np.array(liver.shape) - 1)
    inside = liver.data[tuple(voxels.T)] > 0
    assert inside.mean() > 0.7
    assert len(points) * region.grid.voxel_volume_mm3 > 0.4 * (liver.data > 0).sum() * liver.grid.voxel_volume_mm3


def test_no_large_organ_no_region():
    air = Volume(np.full((40, 40, 40), -1000, dtype=np.int16), Grid((40, 40, 40), np.diag([3.0, 3.0, 3.0, 1.0])))
    assert rough_liver_region(air) is None
