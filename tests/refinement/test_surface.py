"""A liver that takes up contrast below a diaphragm that does not, and lung above: what that does to the pose."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import ndtr

from hepareg.geometry import Grid
from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.sampled_features import sampled_features
from hepareg.refinement.images.template_cells import CellSettings, cut_cells
from hepareg.refinement.local_affine import LocalAffine, LocalAffineSettings
from hepareg.refinement.solvers.gauss_newton import GaussNewtonSettings, gauss_newton
from hepareg.transforms import RigidTransform

RADIUS_MM = 36.0
DIAPHRAGM_MM = 3.0
SHARPNESS_MM = 1.2
PLAIN, WITH_SURFACE = CellSettings(3, 110_000), CellSettings(3, 110_000, surface_mm=2.5)
TRUTH = RigidTransform.from_vectors([0.03, -0.02, 0.04], [1.0, -0.6, 1.7])


def volume(spacing_mm, pose, *, liver_hu, seed):
    """Return a ball of liver with vessels, diaphragm and lung above it and fat below, moved by a pose."""
    shape = tuple(np.ceil(100 / np.array(spacing_mm)).astype(int))
    matrix = np.diag([*spacing_mm, 1.0])
    matrix[:3, 3] = -matrix[:3, :3].diagonal() * (np.array(shape) - 1) / 2
    grid = Grid(shape, matrix)
    x = pose.inverse().apply(grid.world_points(np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)))
    beyond, above = np.linalg.norm(x, axis=-1) - RADIUS_MM, ndtr(x[..., 2] / 5)
    hu = 60 + (liver_hu - 60) * ndtr(-beyond / SHARPNESS_MM)
    hu += above * -910 * ndtr((beyond - DIAPHRAGM_MM) / SHARPNESS_MM)
    hu += (1 - above) * -160 * ndtr(beyond / SHARPNESS_MM)
    rng = np.random.default_rng(3)
    for centre in rng.uniform(-22, 22, (60, 3)):
        hu += 60 * np.exp(-0.5 * ((x - centre) ** 2).sum(-1) / 3.0**2)
    hu += np.random.default_rng(seed).normal(0, 4, shape)
    return GridImage(torch.from_numpy(hu.astype(np.float32)), grid), beyond


def found_z_mm(liver_hu, *, cells):
    """Return how far along the body the pose found lies from the truth, at the ball's centre."""
    fixed, beyond = volume((1.6, 1.6, 1.6), RigidTransform.identity(), liver_hu=liver_hu, seed=1)
    moving, _ = volume((1.7, 1.7, 1.8), TRUTH, liver_hu=60, seed=2)
    distance = GridImage(torch.from_numpy(np.maximum(beyond + 1.25, 0).astype(np.float32)), fixed.grid)
    samples = cut_cells(fixed, distance=distance, margin_mm=5.0, centre_mm=np.zeros(3), settings=cells)
    residual = LocalAffine(samples, sampled_features(moving, deblur=0.5), settings=LocalAffineSettings())
    settings = GaussNewtonSettings(15, 0.003, 3.0)
    found = gauss_newton(residual, [TRUTH], centre_mm=np.zeros(3), settings=settings)[0].transform
    return (found.apply(np.zeros((1, 3))) - TRUTH.apply(np.zeros((1, 3))))[0, 2]


def test_the_livers_own_enhancement_pulls_the_pose_little():
    """The pull is what 70 HU of enhancement change; all else, noise included, is the same."""
    plain, with_surface = (
        found_z_mm(130, cells=cells) - found_z_mm(60, cells=cells) for cells in (PLAIN, WITH_SURFACE)
    )
    assert plain > 0.25
    assert abs(with_surface) < 0.65 * plain


def test_what_the_surface_explains_is_no_merit_of_the_pose():
    fixed, beyond = volume((3.0, 3.0, 3.0), RigidTransform.identity(), liver_hu=110, seed=1)
    distance = GridImage(torch.from_numpy(np.maximum(beyond + 1.25, 0).astype(np.float32)), fixed.grid)
    nothing = sampled_features(replace(fixed, data=torch.zeros_like(fixed.data)), deblur=0.5)
    samples = cut_cells(fixed, distance=distance, margin_mm=5.0, centre_mm=np.zeros(3), settings=WITH_SURFACE)
    empty = LocalAffine(samples, nothing, settings=LocalAffineSettings()).unexplained(np.eye(4)[None])[0]
    assert empty == pytest.approx(1.0, abs=1e-3)
