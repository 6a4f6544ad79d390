"""Residuals of several channels: derivative, sign, outside, and the change of axes."""

import numpy as np
import pytest

from hepareg.refinement.channel_residual import ChannelResidual, anchored_features
from hepareg.refinement.solvers.normal_equations import moved
from hepareg.transforms import RigidTransform


@pytest.fixture(scope="module")
def images(oblique_problem):
    return oblique_problem.images()


@pytest.fixture(scope="module")
def residual(images):
    return ChannelResidual(images.samples, images.samples.values[None], images.features, robust=False)


def test_gradient_against_finite_differences(residual, images, oblique_problem):
    pose = moved(oblique_problem.truth, np.array([1.0, -0.8, 0.6, 0.9, -1.1, 0.7]), images.centre_mm)
    total = float((residual.spread * images.samples.weights).double().sum())
    analytic = 2 * residual(pose.matrix[None]).gradient[0] / total
    numeric = np.zeros(6)
    for axis, step in enumerate(0.2 * np.eye(6)):
        ahead, back = (moved(pose, s, images.centre_mm).matrix for s in (step, -step))
        values = residual(np.stack([ahead, back])).objective
        numeric[axis] = (values[0] - values[1]) / 0.4
    # the gradient image is a central difference over two voxels of 3 to 4 mm
    assert np.linalg.norm(analytic - numeric) < 0.15 * np.linalg.norm(numeric)


def test_outside_is_wholly_unexplained(residual):
    far = residual(RigidTransform.from_vectors([0, 0, 0], [900, 0, 0]).matrix[None])
    assert far.overlap[0] == 0
    assert far.objective[0] == pytest.approx(1.0)


def test_anchored_intensities_agree_with_the_image_itself(residual, images, oblique_problem):
    """With the image itself as the only channel, the anchor changes nothing but one more interpolation."""
    anchor = moved(oblique_problem.truth, np.array([2.0, 1.0, -1.0, 2.0, -1.0, 1.5]), images.centre_mm)
    features = anchored_features(images, anchor, lambda image, weights: image[0])
    around = ChannelResidual(images.samples, residual.fixed, features, robust=False)
    pose = oblique_problem.truth.matrix[None]
    one, two = residual(pose), around(pose)
    assert abs(one.objective[0] - two.objective[0]) < 0.01
    assert one.overlap[0] == pytest.approx(two.overlap[0], abs=0.03)
    assert np.linalg.norm(one.hessian - two.hessian) < 0.15 * np.linalg.norm(one.hessian)
