"""Gauss-Newton on the device against that of the host, on a CUDA device or in Triton's interpreter."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # read when the kernels are defined
pytest.importorskip("triton", reason="Triton is not installed; it comes with torch's CUDA builds")

from hepareg.refinement.cuda import kernels
from hepareg.refinement.images.sampled_features import sampled_features
from hepareg.refinement.images.template_cells import CellSettings, cut_cells
from hepareg.refinement.local_affine import LocalAffine, LocalAffineSettings
from hepareg.refinement.solvers.gauss_newton import GaussNewtonSettings
from hepareg.refinement.solvers.normal_equations import apply_step
from hepareg.refinement.solvers.solution import Status

RESIDUAL = LocalAffineSettings()
SETTINGS = GaussNewtonSettings(max_iterations=6, tolerance_mm=0.05, max_step_mm=3.0)


@pytest.fixture(scope="module", params=[False, True], ids=["", "free blur"])
def both(request, oblique_problem, on_device):
    """The residual on the host and on the device, and starts: near, far, and out of the moving image."""
    images = oblique_problem.images()
    samples = cut_cells(
        images.template, distance=oblique_problem.distance(), margin_mm=images.margin_mm, centre_mm=images.centre_mm,
        settings=CellSettings(2, 800, surface_mm=2.5),
    )  # fmt: skip
    features = sampled_features(images.sampled, deblur=0.5)
    plain = LocalAffine(samples, features, settings=RESIDUAL, free_blur=request.param)
    fused = LocalAffine(
        on_device(samples), on_device(features), settings=RESIDUAL, free_blur=request.param, kernels=kernels
    )
    steps = np.array([[0.3, -0.2, 0.1, 0.2, 0.1, -0.3], [4.0, -3.0, 2.0, 5.0, 4.0, -6.0], [0, 0, 0, 900.0, 0, 0]])
    return plain, fused, [apply_step(oblique_problem.truth, step, samples.centre_mm) for step in steps]


@pytest.mark.parametrize("settings", [SETTINGS, replace(SETTINGS, max_iterations=2), replace(SETTINGS, damping=0.5)])
def test_the_same_solutions(both, settings):
    plain, fused, starts = both
    for a, b in zip(plain.minimise(starts, settings=settings), fused.minimise(starts, settings=settings), strict=True):
        assert (a.status, a.iterations) == (b.status, b.iterations)
        assert np.allclose(a.objective_history, b.objective_history, rtol=1e-4)
        corners = plain.cells.centre_mm + 60 * np.vstack([np.eye(3), -np.eye(3)])
        assert np.abs(a.transform.apply(corners) - b.transform.apply(corners)).max() < 1e-3


def test_every_way_to_end(both):
    _, fused, starts = both
    found = fused.minimise(starts, settings=replace(SETTINGS, max_iterations=30))
    assert [solution.status for solution in found] == [Status.CONVERGED, Status.CONVERGED, Status.NO_OVERLAP]
    limited = fused.minimise(starts[1:2], settings=replace(SETTINGS, max_iterations=1))
    assert limited[0].status is Status.ITERATION_LIMIT
    nothing = replace(fused.sampled, table=torch.zeros_like(fused.sampled.table))
    flat = LocalAffine(fused.cells, nothing, settings=RESIDUAL, free_blur=fused.free_blur, kernels=kernels)
    assert flat.minimise(starts[:1], settings=SETTINGS)[0].status is Status.SINGULAR


def test_a_blur_that_nothing_determines(both):
    """As along an axis of two voxels; the pose is found all the same."""
    plain, fused, starts = both
    table = plain.sampled.table.clone()
    table[:, 5] = 0
    dead = [
        LocalAffine(
            residual.cells, replace(residual.sampled, table=table.to(residual.sampled.table.device)),
            settings=RESIDUAL, free_blur=True, kernels=residual.kernels,
        )
        for residual in (plain, fused)
    ]  # fmt: skip
    (a,), (b,) = (residual.minimise(starts[:1], settings=replace(SETTINGS, max_iterations=2)) for residual in dead)
    assert a.status is b.status
    assert a.status is not Status.SINGULAR
    assert np.abs(a.transform.matrix - b.transform.matrix).max() < 1e-3
