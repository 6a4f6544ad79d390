"""Samples lie where their values were read, in the region, where the image has structure."""

import numpy as np
import torch
from scipy.ndimage import map_coordinates

from hepareg.optimisation.level_images import at_samples
from hepareg.optimisation.samples import moving_features


def test_offsets_point_at_the_voxels_that_were_read(oblique_problem):
    images = oblique_problem.images()
    samples = images.samples
    points = samples.offsets_mm.double().numpy() + samples.centre_mm
    voxels = images.template.grid.voxel_points(points)
    inside = samples.weights.numpy() > 0
    nearest = np.rint(voxels[inside]).astype(int)
    assert np.abs(voxels[inside] - nearest).max() < 1e-4  # float32 offsets of 50 mm
    assert np.array_equal(images.template.data.numpy()[tuple(nearest.T)], samples.values.numpy()[inside])
    # one voxel is one sample
    assert len(np.unique(nearest, axis=0)) == samples.num_samples
    found = at_samples(images.template.data[None], images.template, samples)[0]
    assert np.abs(found.numpy() - samples.values.numpy())[inside].max() < 0.05


def test_weights_end_at_the_margin(oblique_problem):
    images = oblique_problem.images()
    region = images.region().numpy()
    points = images.samples.offsets_mm.double().numpy() + images.samples.centre_mm
    voxels = np.rint(images.template.grid.voxel_points(points)).astype(int)
    known = (voxels < images.template.grid.shape).all(-1)
    at = np.where(known[..., None], voxels, 0)
    expected = region[tuple(np.moveaxis(at, -1, 0))] & known
    assert np.array_equal(images.samples.weights.numpy() > 0, expected)


def test_cells_with_most_variance_are_kept(oblique_problem):
    samples = oblique_problem.images().samples
    assert samples.values.shape[0] * 27 <= 30_000
    assert samples.values.shape[1] == 27


def test_sampled_values_and_gradients_against_an_independent_interpolation(oblique_problem):
    images, truth = oblique_problem.images(), oblique_problem.truth
    features = moving_features(images.sampled.data[None], images.sampled.grid)
    found = features.sample(truth.matrix[None], images.samples)
    points = images.samples.offsets_mm.double().numpy() + images.samples.centre_mm
    positions = images.sampled.grid.voxel_points(truth.apply(points))
    expected = map_coordinates(images.sampled.data.numpy().astype(float), np.moveaxis(positions, -1, 0), order=1)
    valid = found.valid[0].numpy()
    assert valid.mean() > 0.9
    assert np.abs(found.values[0, 0].numpy() - expected)[valid].max() < 0.02
    # the gradient along the fixed world, by shifting the pose
    for axis in range(3):
        step = np.eye(4)
        step[axis, 3] = 1.0
        ahead = features.sample((truth.matrix @ step)[None], images.samples)
        back = features.sample((truth.matrix @ np.linalg.inv(step))[None], images.samples)
        slope = (ahead.values - back.values)[0, 0] / 2
        wrong = (slope - found.gradients[axis, 0, 0])[found.valid[0] & ahead.valid[0] & back.valid[0]]
        # central differences over two voxels of 3 to 4 mm smooth a little more than this step of 1 mm does
        assert wrong.abs().mean() < 0.15 * slope.abs().mean()
        assert torch.corrcoef(torch.stack([slope.flatten(), found.gradients[axis, 0, 0].flatten()]))[0, 1] > 0.97
