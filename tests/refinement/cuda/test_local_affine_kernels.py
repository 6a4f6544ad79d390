"""The fused kernels against the tensor operations that they replace, on a CUDA device or in Triton's interpreter."""

import os

import numpy as np
import pytest
import torch

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # read when the kernels are defined
pytest.importorskip("triton", reason="Triton is not installed; it comes with torch's CUDA builds")

from hepareg.geometry import Grid
from hepareg.refinement.cuda import kernels
from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.sampled_features import sampled_features
from hepareg.refinement.images.template_cells import CellSettings, cut_cells
from hepareg.refinement.local_affine import LocalAffine, LocalAffineSettings
from hepareg.refinement.solvers.normal_equations import apply_step

SETTINGS = LocalAffineSettings()
WAYS = {
    "8 voxels": (2, False, False),
    "27 voxels": (3, False, False),
    "surface": (3, True, False),
    "free blur": (3, True, True),
}


@pytest.fixture(scope="module", params=WAYS.values(), ids=WAYS)
def both(request, oblique_problem, on_device):
    """The residual by tensor operations, and by kernels; with poses, some of which leave the moving image."""
    images = oblique_problem.images()
    samples = cut_cells(
        images.template, distance=oblique_problem.distance(), margin_mm=images.margin_mm, centre_mm=images.centre_mm,
        settings=CellSettings(request.param[0], 1000, 2.5 if request.param[1] else None),
    )  # fmt: skip
    features = sampled_features(images.sampled, deblur=0.5)
    plain = LocalAffine(samples, features, settings=SETTINGS, free_blur=request.param[2])
    fused = LocalAffine(
        on_device(samples), on_device(features), settings=SETTINGS, free_blur=request.param[2], kernels=kernels
    )
    steps = np.array([[0.0] * 6, [1.0, -0.8, 0.6, 0.9, -1.1, 0.7], [5.0, 3.0, -8.0, 50.0, -40.0, 20.0]])
    return plain, fused, np.stack([apply_step(oblique_problem.truth, step, samples.centre_mm).matrix for step in steps])


@pytest.mark.parametrize("robust", [True, False])
def test_normal_equations(both, robust):
    poses = both[2]
    expected, found = (
        LocalAffine(
            residual.cells, residual.sampled, settings=LocalAffineSettings(robust=robust),
            free_blur=residual.free_blur, kernels=residual.kernels,
        )(poses)
        for residual in both[:2]
    )  # fmt: skip
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


@pytest.mark.parametrize("free_blur", [False, True])
def test_an_image_of_one_slice_and_empty_cells(oblique_problem, on_device, free_blur):
    """Sizes of 1, and cells that lie wholly outside, are neither out of bounds nor divided by."""
    images = oblique_problem.images()
    data = images.sampled.data[:, :, :1].contiguous()
    features = sampled_features(
        GridImage(data, Grid(tuple(data.shape), images.sampled.grid.world_from_voxel)), deblur=0.5
    )
    plain = LocalAffine(images.cells, features, settings=SETTINGS, free_blur=free_blur)
    fused = LocalAffine(
        on_device(images.cells), on_device(features), settings=SETTINGS, free_blur=free_blur, kernels=kernels
    )
    pose = oblique_problem.truth.matrix[None]
    assert np.allclose(
        plain(pose).hessian, fused(pose).hessian, rtol=1e-3, atol=1e-3 * np.abs(plain(pose).hessian).max()
    )
    assert np.isfinite(fused(pose).objective).all()


def test_features_without_curvature(oblique_problem, on_device):
    images = oblique_problem.images()
    features = sampled_features(images.sampled)
    plain = LocalAffine(images.cells, features, settings=SETTINGS)
    fused = LocalAffine(on_device(images.cells), on_device(features), settings=SETTINGS, kernels=kernels)
    pose = oblique_problem.truth.matrix[None]
    assert np.allclose(plain(pose).gradient, fused(pose).gradient, atol=1e-4 * np.abs(plain(pose).gradient).max())
