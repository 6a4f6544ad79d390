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
    i, j, _ = np.indices(GRID.shape) // 10  # 50 mm each
    voxels = np.array([55.0, -100.0, 250.0])[(i + j) % 3]
    assert tissue_homogeneity(image(voxels), points()) < 0.4  # the limit below which the verdict rejects


@pytest.mark.parametrize("noise_hu", [60.0, 120.0])
def test_noise_alone_does_not_make_a_mixture(noise_hu):
    voxels = 60.0 + noise_hu * RNG.standard_normal(GRID.shape)
    assert tissue_homogeneity(image(voxels), points()) > 0.85


def test_streaks_do_not_make_a_mixture():
    """Streaks run along x and differ from line to line."""
    voxels = 60.0 + 50.0 * RNG.standard_normal((1, *GRID.shape[1:])) + 10.0 * RNG.standard_normal(GRID.shape)
    assert tissue_homogeneity(image(voxels), points()) > 0.85


def test_layers_of_tissue_are_a_mixture_although_they_alternate_as_noise_does():
    voxels = np.full(GRID.shape, 55.0)
    voxels[::2] = -100.0
    voxels[::4] = 250.0
    assert tissue_homogeneity(image(voxels), points()) < 0.6


def test_points_outside_the_image_are_left_out():
    voxels = np.full(GRID.shape, 60.0)
    assert tissue_homogeneity(image(voxels), np.concatenate([points(), points() + 1000.0])) == 1.0
    assert tissue_homogeneity(image(voxels), points() + 1000.0) is None
