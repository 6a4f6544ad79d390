"""The fused kernels against the tensor operations that they replace, on a CUDA device or in Triton's interpreter."""

import os

import numpy as np
import pytest
import torch

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # read when the kernels are defined
pytest.importorskip("triton", reason="Triton is not installed; it comes with torch's CUDA builds")

from hepareg.geometry import Grid
from hepareg.refinement.cuda import local_affine_kernels
from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.sampled_features import image_features, moving_features
from hepareg.refinement.images.template_cells import cell_samples
from hepareg.refinement.local_affine import LocalAffine
from hepareg.refinement.solvers.normal_equations import moved

WAYS = {
    "8 voxels": (2, False, False),
    "27 voxels": (3, False, False),
    "surface": (3, True, False),
    "sharpness": (3, True, True),
}


@pytest.fixture(scope="module", params=WAYS.values(), ids=WAYS)
def both(request, oblique_problem, on_device):
    """The residual by tensor operations, and by kernels; with poses, some of which leave the moving image."""
    images = oblique_problem.images()
    samples = cell_samples(
        images.template, distance=images.distance, margin_mm=images.margin_mm, centre_mm=images.centre_mm,
        cell_vox=request.param[0], max_samples=1000, with_surface=request.param[1],
    )  # fmt: skip
    features = image_features(images.sampled)
    plain = LocalAffine(samples, features, sharpness=request.param[2])
    fused = LocalAffine(on_device(samples), on_device(features), sharpness=request.param[2])
    fused._kernels = local_affine_kernels
    steps = np.array([[0.0] * 6, [1.0, -0.8, 0.6, 0.9, -1.1, 0.7], [5.0, 3.0, -8.0, 50.0, -40.0, 20.0]])
    return plain, fused, np.stack([moved(oblique_problem.truth, step, samples.centre_mm).matrix for step in steps])


@pytest.mark.parametrize("robust", [True, False])
def test_normal_equations(both, robust):
    plain, fused, poses = both
    plain.robust = fused.robust = robust
    plain._last = fused._last = None
    expected, found = plain(poses), fused(poses)
    assert expected.overlap[2] < 0.9
    # At the truth nearly nothing is left: the robust scale, a median of that, is known to fewer digits.
    tolerance = 3e-4 if robust else 1e-4
    for name in ("hessian", "gradient", "objective", "overlap"):
        a, b = getattr(expected, name), getattr(found, name)
        assert np.abs(a - b).max() <= tolerance * np.abs(a).max(), name


def test_cells_one_by_one(both):
    plain, fused, poses = both
    expected, found = plain.cell_equations(poses[:1]), fused.cell_equations(poses[:1])
    for name in ("hessian", "gradient"):
        a, b = getattr(expected, name), getattr(found, name).cpu()
        assert a.shape == b.shape
        assert (a - b).abs().max() <= 1e-3 * a.abs().max()
    assert float(found.residual_variance) == pytest.approx(float(expected.residual_variance), rel=1e-3)


def test_objective_without_derivatives(both):
    plain, fused, poses = both
    for a, b in zip(plain.unexplained(poses), fused.unexplained(poses), strict=True):
        assert np.allclose(a, b, rtol=1e-4)
    assert np.allclose(fused.unexplained(poses)[0], fused(poses).objective, rtol=1e-6)


@pytest.mark.parametrize("sharpness", [False, True])
def test_an_image_of_one_slice_and_empty_cells(oblique_problem, on_device, sharpness):
    """Sizes of 1, and cells that lie wholly outside, are neither out of bounds nor divided by."""
    images = oblique_problem.images()
    data = images.sampled.data[:, :, :1].contiguous()
    features = image_features(GridImage(data, Grid(tuple(data.shape), images.sampled.grid.world_from_voxel)))
    plain = LocalAffine(images.samples, features, sharpness=sharpness)
    fused = LocalAffine(on_device(images.samples), on_device(features), sharpness=sharpness)
    fused._kernels = local_affine_kernels
    pose = oblique_problem.truth.matrix[None]
    assert np.allclose(
        plain(pose).hessian, fused(pose).hessian, rtol=1e-3, atol=1e-3 * np.abs(plain(pose).hessian).max()
    )
    assert np.isfinite(fused(pose).objective).all()


def test_channels_without_curvature(oblique_problem, on_device):
    images = oblique_problem.images()
    features = moving_features(images.sampled.data[None], images.sampled.grid)
    plain, fused = LocalAffine(images.samples, features), LocalAffine(on_device(images.samples), on_device(features))
    fused._kernels = local_affine_kernels
    pose = oblique_problem.truth.matrix[None]
    assert np.allclose(plain(pose).gradient, fused(pose).gradient, atol=1e-4 * np.abs(plain(pose).gradient).max())
