"""The tissue under a mask: one organ in any phase, or several."""

import numpy as np
import pytest
import torch

from hepareg.geometry import Grid
from hepareg.refinement.images.block_average import GridImage
from hepareg.registration.witnesses.mask_tissue import tissue_homogeneity

GRID = Grid((30, 30, 30), np.diag([5.0, 5.0, 5.0, 1.0]))
RNG = np.random.default_rng(0)


def image(values):
    return GridImage(torch.as_tensor(values, dtype=torch.float32), GRID)


def points(count=1000):
    return RNG.uniform(10.0, 130.0, (count, 3))


@pytest.mark.parametrize("liver_hu", [-10.0, 60.0, 150.0])
def test_one_organ_is_homogeneous_in_every_phase(liver_hu):
    voxels = liver_hu + 12.0 * RNG.standard_normal(GRID.shape)
    voxels[8:12, 8:12] += 100.0  # vessels, 2 % of the volume
    assert tissue_homogeneity(image(voxels), points()) > 0.9


def test_muscle_beside_fat_and_bone_is_not():
    voxels = RNG.choice([55.0, -100.0, 250.0], GRID.shape, p=[0.4, 0.3, 0.3])
    assert tissue_homogeneity(image(voxels), points()) < 0.4


def test_points_outside_the_image_are_left_out():
    voxels = np.full(GRID.shape, 60.0)
    assert tissue_homogeneity(image(voxels), np.concatenate([points(), points() + 1000.0])) == 1.0
    assert tissue_homogeneity(image(voxels), points() + 1000.0) is None
