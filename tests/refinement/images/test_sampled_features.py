"""Values, gradients and curvatures in between voxels, where interpolation must not depend on the place."""

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from hepareg.geometry import Grid
from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.sampled_features import sampled_features
from hepareg.refinement.images.template_cells import TemplateCells


def test_sampled_values_and_gradients_against_an_independent_interpolation(oblique_problem):
    images, truth = oblique_problem.images(), oblique_problem.truth
    features = sampled_features(images.sampled)
    found = features.interpolate(truth.matrix[None], images.cells)
    points = images.cells.offsets_mm.double().numpy() + images.cells.centre_mm
    positions = images.sampled.grid.voxel_points(truth.apply(points))
    expected = map_coordinates(images.sampled.data.numpy().astype(float), np.moveaxis(positions, -1, 0), order=1)
    valid = found.valid[0].numpy()
    assert valid.mean() > 0.9
    assert np.abs(found.values[0].numpy() - expected)[valid].max() < 0.02
    # the gradient along the template's world axes, by shifting the pose
    for axis in range(3):
        step = np.eye(4)
        step[axis, 3] = 1.0
        ahead = features.interpolate((truth.matrix @ step)[None], images.cells)
        back = features.interpolate((truth.matrix @ np.linalg.inv(step))[None], images.cells)
        slope = (ahead.values - back.values)[0] / 2
        wrong = (slope - found.gradients[axis, 0])[found.valid[0] & ahead.valid[0] & back.valid[0]]
        # central differences over two voxels of 3 to 4 mm smooth a little more than this step of 1 mm does
        assert wrong.abs().mean() < 0.15 * slope.abs().mean()
        assert torch.corrcoef(torch.stack([slope.flatten(), found.gradients[axis, 0].flatten()]))[0, 1] > 0.97


SHAPE = (9, 8, 10)


def parabola(points):
    """Return a quadratic function of (..., 3) voxel positions, with all its products."""
    x, y, z = np.moveaxis(points, -1, 0)
    return 40 + 3 * x - 2 * y + z + 1.5 * x * x - 0.7 * y * y + 0.4 * z * z + 0.6 * x * y - 0.3 * y * z + 0.2 * x * z


def blurred(points, share):
    """Return the parabola with a share of what linear interpolation adds to it between voxels."""
    ways = points - np.floor(points)
    return parabola(points) + share * (ways * (1 - ways)) @ [1.5, -0.7, 0.4]


@pytest.fixture
def parabolic():
    """An image of the parabola, and samples anywhere two voxels and more inside it."""
    voxels = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1)
    data = torch.tensor(parabola(voxels), dtype=torch.float32)
    places = np.random.default_rng(3).uniform(2, np.array(SHAPE) - 3, (12, 5, 3))
    offsets = torch.tensor(places - 4, dtype=torch.float32)
    samples = TemplateCells(torch.zeros(12, 5), torch.ones(12, 5), offsets, np.full(3, 4.0))
    return GridImage(data, Grid(SHAPE, np.eye(4))), samples, places


def test_a_share_of_the_blur_is_undone_wherever_an_image_is_read(parabolic):
    """Second differences know a parabola exactly; linear interpolation reads 1/8 of the curvature too much halfway."""
    image, samples, places = parabolic
    here = np.eye(4)[None]
    found, valid = sampled_features(image, deblur=0.5).values(here, samples)
    assert valid.all()
    # of the products only the linear part is missing: x y is linear along each axis
    assert np.abs(found[0].numpy() - blurred(places, 1 - 0.5)).max() < 1e-3
    linear, _ = sampled_features(image).values(here, samples)
    assert np.abs(linear[0].numpy() - blurred(places, 1.0)).max() < 1e-3


def test_gradients_and_curvatures_of_a_parabola(parabolic):
    image, samples, places = parabolic
    found = sampled_features(image, deblur=0.5).interpolate(np.eye(4)[None], samples)
    x, y, z = np.moveaxis(places, -1, 0)
    slopes = 3 + 3 * x + 0.6 * y + 0.2 * z, -2 - 1.4 * y + 0.6 * x - 0.3 * z, 1 + 0.8 * z - 0.3 * y + 0.2 * x
    assert np.abs(found.gradients[:, 0].numpy() - np.stack(slopes)).max() < 1e-3
    for axis, half in enumerate((1.5, -0.7, 0.4)):
        assert np.abs(found.curvatures[axis, 0].numpy() - half).max() < 1e-3


def test_curvatures_follow_the_voxel_axes_of_a_turned_grid(parabolic):
    """A pose turns the gradients, a voxel's size divides them; curvatures stay along the voxels."""
    image, samples, places = parabolic
    spacing = np.array([2.0, 0.5, 1.5])
    pose = np.eye(4)
    pose[:3, :3] = np.diag(spacing) @ np.eye(3)[[1, 2, 0]]  # the template's x, y, z lie along the voxel axes k, i, j
    pose[:3, 3] = spacing * 4 - pose[:3, :3] @ samples.centre_mm
    voxels = (places - 4)[..., [1, 2, 0]] + 4
    features = sampled_features(GridImage(image.data, Grid(SHAPE, np.diag([*spacing, 1.0]))), deblur=0.5)
    found = features.interpolate(np.stack([pose, pose]), samples)
    seen = ((voxels >= 2) & (voxels <= np.array(SHAPE) - 3)).all(axis=-1)
    assert seen.mean() > 0.5
    x, y, z = np.moveaxis(voxels, -1, 0)
    slopes = 3 + 3 * x + 0.6 * y + 0.2 * z, -2 - 1.4 * y + 0.6 * x - 0.3 * z, 1 + 0.8 * z - 0.3 * y + 0.2 * x
    turned = np.stack([slopes[2], slopes[0], slopes[1]])
    for b in range(2):
        assert np.abs(found.values[b].numpy() - blurred(voxels, 1 - 0.5))[seen].max() < 1e-3
        assert np.abs(found.gradients[:, b].numpy() - turned)[:, seen].max() < 1e-3
        for axis, half in enumerate((1.5, -0.7, 0.4)):
            assert np.abs(found.curvatures[axis, b].numpy() - half)[seen].max() < 1e-3


@pytest.mark.parametrize("shape", [(1, 6, 5), (2, 2, 2), (7, 1, 1)])
def test_no_curvature_where_there_are_no_two_neighbours(shape):
    data = torch.tensor(np.random.default_rng(1).normal(size=shape), dtype=torch.float32)
    table = sampled_features(GridImage(data, Grid(shape, np.eye(4))), deblur=0.5).table.reshape(*shape, 7)
    assert torch.equal(table[..., 0], data)
    for axis, size in enumerate(shape):
        along = table[..., 4 + axis].movedim(axis, 0)
        assert not along[0].any()
        assert not along[-1].any()
        if size > 2:
            values = data.movedim(axis, 0)
            torch.testing.assert_close(along[1:-1], 0.5 * (values[2:] - 2 * values[1:-1] + values[:-2]))


@pytest.mark.parametrize(("deblur", "numbers"), [(None, 4), (0.5, 7)])
def test_the_table_takes_four_numbers_a_voxel_or_seven(deblur, numbers):
    image = GridImage(torch.zeros(5, 6, 7), Grid((5, 6, 7), np.eye(4)))
    table = sampled_features(image, deblur=deblur).table
    assert (table.shape, table.dtype) == ((5 * 6 * 7, numbers), torch.float32)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 9])
def test_first_differences_up_to_the_border(size):
    """One-sided, then central, then over two voxels to either side."""
    values = np.random.default_rng(size).normal(size=size)
    image = GridImage(torch.tensor(values, dtype=torch.float32)[None, :, None], Grid((1, size, 1), np.eye(4)))
    found = sampled_features(image, deblur=0.5).table[:, 2].numpy()
    expected = np.gradient(values) if size > 1 else np.zeros(1)
    for n in range(2, size - 2):
        near, far = values[n + 1] - values[n - 1], values[n + 2] - values[n - 2]
        expected[n] = 0.75 * near - 0.125 * far
    assert np.abs(found - expected).max() < 1e-6
