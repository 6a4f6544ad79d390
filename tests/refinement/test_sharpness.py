"""One image sharper than the other: what that does to the pose, and that a free blur takes it away."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hepareg.geometry import Grid
from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.blur import blur
from hepareg.refinement.images.sampled_features import sampled_features
from hepareg.refinement.images.template_cells import cut_cells
from hepareg.refinement.local_affine import LocalAffine, LocalAffineSettings
from hepareg.refinement.solvers.gauss_newton import GaussNewtonSettings, gauss_newton
from hepareg.transforms import RigidTransform
from tests.refinement.test_surface import WITH_SURFACE, volume

SPACING = (1.6, 1.6, 2.0)
STILL = RigidTransform.identity()


def residual(variance_vox2, *, free_blur):
    """Return the residual of a ball and of itself blurred along the slices, other noise: both on one grid, unmoved.

    The region ends within the lung's edge.
    """
    fixed, beyond = volume(SPACING, STILL, liver_hu=60, seed=1)
    moving, _ = volume(SPACING, STILL, liver_hu=60, seed=2)
    moving = replace(moving, data=blur(moving.data, np.array([0, 0, variance_vox2])))
    distance = replace(fixed, data=torch.from_numpy(np.maximum(beyond + 1.25, 0).astype(np.float32)))
    samples = cut_cells(fixed, distance=distance, margin_mm=5.0, centre_mm=np.zeros(3), settings=WITH_SURFACE)
    return LocalAffine(
        samples, sampled_features(moving, deblur=0.5), settings=LocalAffineSettings(), free_blur=free_blur
    )


def found_z_mm(variance_vox2, *, free_blur):
    settings = GaussNewtonSettings(15, 0.003, 3.0)
    (found,) = gauss_newton(
        residual(variance_vox2, free_blur=free_blur), [STILL], centre_mm=np.zeros(3), settings=settings
    )
    return found.transform.matrix[2, 3]


def test_a_blur_along_the_slices_biases_the_pose_no_more():
    pulled, free = (found_z_mm(0.3, free_blur=free) - found_z_mm(0.0, free_blur=free) for free in (False, True))
    assert abs(pulled) > 0.1
    assert abs(free) < 0.25 * abs(pulled)


def test_each_blur_is_found_along_its_axis():
    """The parameters beside the pose are the variances that the sampled image lacks."""
    cells = residual(0.0, free_blur=True).cell_equations(np.eye(4)[None])
    other = residual(0.1, free_blur=True).cell_equations(np.eye(4)[None])
    found = [
        np.linalg.solve(c.hessian[0].double().sum(dim=0).numpy(), -c.gradient[0].double().sum(dim=0).numpy())[6:]
        for c in (cells, other)
    ]
    assert found[1] - found[0] == pytest.approx([0, 0, -0.1], abs=0.03)


def test_samples_that_all_poses_show():
    """What one pose takes out of the image counts for neither."""
    sharp = residual(0.0, free_blur=False)
    step = np.eye(4)
    step[2, 3] = 30.0
    poses = np.stack([np.eye(4), step])
    shares, overlaps = sharp.unexplained(poses)
    assert overlaps[1] < 0.9
    assert sharp.unexplained_in_view(poses[:1])[0] == pytest.approx(shares[0], rel=1e-5)
    valid = sharp.sampled.values(poses, sharp.cells)[1].all(dim=0)
    seen = sharp.with_cells(replace(sharp.cells, weights=sharp.cells.weights * valid))
    assert sharp.unexplained_in_view(poses) == pytest.approx(seen.unexplained(poses)[0], rel=1e-4)


def test_no_sample_that_all_poses_show():
    sharp = residual(0.0, free_blur=False)
    away = np.eye(4)
    away[0, 3] = 500.0
    assert np.isnan(sharp.unexplained_in_view(np.stack([np.eye(4), away]))).all()


def test_a_free_blur_wants_curvatures():
    sharp = residual(0.0, free_blur=False)
    plain = sampled_features(GridImage(torch.zeros(4, 4, 4), Grid((4, 4, 4), np.eye(4))))
    with pytest.raises(ValueError, match="curvatures"):
        LocalAffine(sharp.cells, plain, settings=LocalAffineSettings(), free_blur=True)
