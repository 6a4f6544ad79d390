"""Samples lie where their values were read, in the region, where the image has structure."""

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from hepareg.geometry import Grid
from hepareg.geometry.rotations import rotation_from_vector
from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.template_cells import CellSettings, cut_cells


def test_offsets_point_at_the_voxels_that_were_read(oblique_problem):
    images = oblique_problem.images()
    samples = images.cells
    points = samples.offsets_mm.double().numpy() + samples.centre_mm
    assert np.array_equal(samples.corners_mm, points[:, 0])
    voxels = images.template.grid.voxel_points(points)
    inside = samples.weights.numpy() > 0
    nearest = np.rint(voxels[inside]).astype(int)
    assert np.abs(voxels[inside] - nearest).max() < 1e-4  # float32 offsets of 50 mm
    assert np.array_equal(images.template.data.numpy()[tuple(nearest.T)], samples.values.numpy()[inside])
    # one voxel is one sample
    assert len(np.unique(nearest, axis=0)) == samples.num_voxels


def test_weights_end_at_the_margin(oblique_problem):
    images, distance = oblique_problem.images(), oblique_problem.distance()
    region = distance.data.numpy() <= images.margin_mm
    points = images.cells.offsets_mm.double().numpy() + images.cells.centre_mm
    voxels = np.rint(images.template.grid.voxel_points(points)).astype(int)
    known = (voxels < images.template.grid.shape).all(-1)
    at = np.where(known[..., None], voxels, 0)
    expected = region[tuple(np.moveaxis(at, -1, 0))] & known
    assert np.array_equal(images.cells.weights.numpy() > 0, expected)


def test_cells_with_most_variance_are_kept(oblique_problem):
    samples = oblique_problem.images().cells
    assert samples.values.shape[0] * 27 <= 30_000
    assert samples.values.shape[1] == 27


SHAPES = [(1, 5, 7), (2, 2, 2), (6, 1, 4), (7, 6, 5)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("first_vox", [(0, 0, 0), (1, 2, 5), (7, 3, 1)])
@pytest.mark.parametrize("cell", [2, 3, 4])
def test_cells_against_a_loop_over_them(shape, first_vox, cell):
    """Oblique grid, cells that begin before the image and end after it, a mask up to the border."""
    rng = np.random.default_rng(4)
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_from_vector([0.2, -0.3, 0.4]) * [1.5, -2.0, 2.5]
    matrix[:3, 3] = 30.0, -20.0, 700.0
    image = GridImage(torch.tensor(rng.normal(size=shape), dtype=torch.float32), Grid(shape, matrix), first_vox)
    distance = distance_on_a_grid_of_its_own(image.grid, rng)
    centre = matrix[:3, 3] + 5
    found = cut_cells(image, distance=distance, margin_mm=4.0, centre_mm=centre, settings=CellSettings(cell, 110_000))
    cells = expected_cells(image, distance, 4.0, cell)
    assert found.values.shape == (len(cells), cell**3)
    for n, voxels in enumerate(cells):
        clipped = np.clip(voxels, 0, np.array(shape) - 1)
        inside = (voxels == clipped).all(axis=1)
        at = tuple(clipped.T)
        assert np.allclose(found.values[n].numpy(), image.data.numpy()[at])
        assert np.allclose(found.offsets_mm[n].numpy(), image.grid.world_points(voxels) - centre, atol=1e-4)
        apart = read_at(distance, image.grid.world_points(voxels))
        clear = np.abs(apart - 4.0) > 1e-4  # elsewhere single precision decides
        assert np.array_equal((found.weights[n].numpy() > 0)[clear], (inside & (apart <= 4.0))[clear])


def distance_on_a_grid_of_its_own(grid, rng):
    """Return distances on another oblique grid, finer along one axis and coarser along another, that ends within."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_from_vector([-0.3, 0.1, 0.2]) * [-2.1, 1.4, 3.0]
    matrix[:3, 3] = grid.centre_mm - matrix[:3, :3] @ [1.5, 2.0, 1.0]
    return GridImage(torch.tensor(8 * rng.random((4, 5, 3)), dtype=torch.float32), Grid((4, 5, 3), matrix))


def read_at(distance, points):
    """Return distances at (P, 3) world points, from the border beyond it, by another interpolation."""
    voxels = distance.grid.voxel_points(points)
    return map_coordinates(distance.data.numpy().astype(float), voxels.T, order=1, mode="nearest")


def expected_cells(image, distance, margin_mm, cell):
    """Return the voxels of each cell whose middle lies in the image and near the mask, in the order of the cells."""
    lead, shape = np.mod(image.first_vox, cell), np.array(image.data.shape)
    reach = margin_mm + 0.5 * cell * np.linalg.norm(image.grid.spacing_mm) / np.sqrt(3)
    found = []
    for number in np.ndindex(*(-(-(shape + lead) // cell))):
        voxels = np.array(number) * cell - lead + np.argwhere(np.ones((cell,) * 3))
        middle = voxels.mean(axis=0)
        near = read_at(distance, image.grid.world_points(middle[None]))[0]
        if (middle >= 0).all() and (middle <= shape - 1).all() and near <= reach:
            found.append(voxels)
    return found


def test_no_cell_near_the_mask_is_no_error(recwarn):
    image = GridImage(torch.zeros(6, 6, 6), Grid((6, 6, 6), np.eye(4)))
    distance = GridImage(torch.full((6, 6, 6), 60.0), image.grid)
    found = cut_cells(image, distance=distance, margin_mm=5.0, centre_mm=np.zeros(3), settings=CellSettings(3, 110_000))
    assert found.num_voxels == 0
    assert not recwarn.list
