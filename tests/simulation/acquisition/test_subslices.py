"""Thin slices behind thick ones: averages kept, edges kept, and with them the place of the liver's surface."""

import numpy as np
import pytest
from scipy import ndimage

from hepareg.geometry import Grid
from hepareg.simulation.acquisition.renderer import Scene, sample_scene, subsample_offsets
from hepareg.simulation.acquisition.subslices import split_grid, split_slices, subslice_count

LUNG_HU, LIVER_HU, FAT_HU = -850.0, 60.0, -100.0
CT = Grid((60, 50, 40), np.array([[-0.9, 0, 0, 40], [0, -0.9, 0, 60], [0, 0, 2.5, -90], [0, 0, 0, 1]]))


@pytest.mark.parametrize("count", [2, 3, 5])
def test_averages_are_the_slices(count):
    image = np.random.default_rng(0).normal(0, 200, (7, 5, 23)).astype(np.float32)
    thin = split_slices(image, count)
    np.testing.assert_allclose(thin.reshape(7, 5, 23, count).mean(-1), image, atol=1e-3)
    around = ndimage.minimum_filter1d(image, 3, axis=2), ndimage.maximum_filter1d(image, 3, axis=2)
    low, high = (np.repeat(bound, count, axis=2) for bound in around)
    assert (thin >= low - 1e-3).all()
    assert (thin <= high + 1e-3).all()


def test_an_edge_within_a_slice_is_found_again():
    fine = np.where(np.arange(200) < 93, LIVER_HU, LUNG_HU)
    slices = fine.reshape(1, 1, -1, 10).mean(-1).astype(np.float32)
    assert np.abs(split_slices(slices, 10).ravel() - fine).max() < 1e-3


def test_thin_slices_and_flat_tissue_stay():
    image = np.full((3, 3, 12), 55, dtype=np.float32)
    assert split_slices(image, 1) is image
    assert (split_slices(image, 4) == 55).all()
    spacings = {1.0: 1, 1.25: 1, 2.5: 2, 5.0: 5}
    assert {mm: subslice_count(CT.with_spacing([1, 1, mm])) for mm in spacings} == spacings


def test_the_thin_grid_fills_the_same_space():
    thin = split_grid(CT, 3)
    assert thin.shape == (60, 50, 120)
    ends = [CT.world_points([0, 0, -0.5]), CT.world_points([0, 0, 39.5])]
    np.testing.assert_allclose([thin.world_points([0, 0, -0.5]), thin.world_points([0, 0, 119.5])], ends, atol=1e-9)


def scanned(height_mm):
    """Liver under lung, the dome's top at a height: slices as a scanner averages them."""
    fine = split_grid(CT, 25)
    x, y, z = np.moveaxis(fine.world_points(np.moveaxis(np.indices(fine.shape, sparse=False), 0, -1)), -1, 0)
    dome = height_mm - ((x - 13) ** 2 + (y - 38) ** 2) / 120
    hu = np.where(z > dome, LUNG_HU, np.where(z > -60, LIVER_HU, FAT_HU))
    return hu.reshape(*CT.shape, 25).mean(-1).astype(np.float32)


def shift_up_mm(first, second):
    """Return by how much the second image's dome lies higher, both seen in the window of a registration."""
    a, b = (ndimage.gaussian_filter(np.clip(image, -150, 250), (1, 1, 0.4)) for image in (first, second))
    slope = np.gradient((a + b) / 2, axis=2)[5:-5, 5:-5, 15:-3] / 2.5
    difference = (a - b)[5:-5, 5:-5, 15:-3]
    return float((slope * difference).sum() / (slope**2).sum())


def surface_error_mm(count):
    """Return how far the dome lies from where a scanner would have shown it, over slices in between."""
    ct, apart = scanned(0.0), []
    for shift in (0.6, 1.25, 1.9):
        scene = Scene(split_grid(CT, count), split_slices(ct, count), np.zeros(1, dtype=np.uint8), np.eye(4), None)
        matrix = CT.world_from_voxel.copy()
        matrix[2, 3] += shift
        grid = Grid(CT.shape, matrix)
        taken = sample_scene(scene, grid, offsets=subsample_offsets(grid, scene.grid, None))
        # The same slices of a dome that is lower by the shift.
        apart.append(shift_up_mm(scanned(-shift), taken))
    return float(np.abs(apart).mean())


def test_the_surface_under_the_lung_keeps_its_place():
    interpolated = surface_error_mm(1)
    assert surface_error_mm(2) < interpolated / 3
    assert surface_error_mm(3) < 0.15
