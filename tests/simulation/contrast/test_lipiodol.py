"""Lipiodol: dense droplets in the liver, and nowhere else."""

import numpy as np

from hepareg.geometry import Grid
from hepareg.simulation.contrast.lipiodol import LIPIODOL_HU, add_lipiodol
from hepareg.simulation.organ_space import OrganSpace

GRID = Grid((60, 60, 50), np.diag([2.0, 2.0, 2.5, 1.0]))


def test_droplets_are_dense_and_lie_in_the_liver():
    points = GRID.world_points(np.moveaxis(np.indices(GRID.shape), 0, -1))
    depth = 50 - np.linalg.norm(points - GRID.centre_mm, axis=-1)
    space = OrganSpace(depth > 0, GRID)
    images = []
    for seed in (1, 1, 2):
        image = np.full(GRID.shape, 100, np.float32)
        add_lipiodol(image, GRID, space, rng=np.random.default_rng(seed))
        images.append(image)
    assert np.array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])
    for image in images:
        dense = image > 300
        assert 20 < dense.sum() < 0.1 * (depth > 0).sum()
        assert LIPIODOL_HU[0] < image.max() <= LIPIODOL_HU[1]
        assert image.min() == 100
        assert depth[dense].min() > -6  # droplets of 4 mm and half a voxel at the edge
