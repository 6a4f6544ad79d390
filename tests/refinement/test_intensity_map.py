"""The intensity map of a cell against an independent least-squares solution."""

import numpy as np
import pytest
import torch

from hepareg.refinement.intensity_map import MapRidges, centred_squares, eliminate_map, fit_map

NONE = MapRidges(0.0, 0.0)


@pytest.fixture
def cell():
    """Sampled and template intensities, weights, surface's step and three columns of derivatives of one cell."""
    rng = np.random.default_rng(5)
    x, y, surface = rng.normal(0, 40, 27), rng.normal(0, 50, 27), rng.uniform(0, 1, 27)
    weights = rng.uniform(0, 1, 27)
    weights[:4] = 0
    return x, y, weights, surface, rng.normal(size=(3, 27))


def tensor(values):
    return torch.tensor(values, dtype=torch.float64).reshape(1, 1, -1)


def weighted_residual(columns, y, weights):
    """Return the residual of y's weighted regression on columns, by QR."""
    root = np.sqrt(weights)
    solution = np.linalg.lstsq(np.stack(columns, axis=1) * root[:, None], y * root, rcond=None)[0]
    return y - np.stack(columns, axis=1) @ solution


@pytest.mark.parametrize("with_surface", [False, True])
def test_residual_is_that_of_a_regression(cell, with_surface):
    x, y, weights, surface, _ = cell
    columns = [np.ones(27), x, *([surface] if with_surface else [])]
    expected = weighted_residual(columns, y, weights)
    fit = fit_map(tensor(x), tensor(y), tensor(weights), NONE, tensor(surface) if with_surface else None)
    # the guards against division by zero are 1e-6 of variances above 1e-2
    assert fit.residual.numpy().ravel() == pytest.approx(expected, abs=1e-3)
    assert len(fit.columns) == 2 + with_surface


def test_a_ridge_flattens_the_map_of_a_cell_without_contrast(cell):
    x, y, weights, _, _ = cell
    fit = fit_map(tensor(x), tensor(y), tensor(weights), MapRidges(1e9, 0.0), None)
    assert fit.residual.numpy() == pytest.approx(fit.y.numpy(), abs=1e-2)


@pytest.mark.parametrize("with_surface", [False, True])
def test_elimination_projects_the_map_out_of_the_derivatives(cell, with_surface):
    x, y, weights, surface, J = cell
    step = tensor(surface) if with_surface else None
    fit = fit_map(tensor(x), tensor(y), tensor(weights), NONE, step)
    stacked = torch.cat([torch.stack([tensor(row) for row in J]), torch.stack(list(fit.columns))])
    H, g = eliminate_map(stacked, tensor(weights), NONE, with_surface=with_surface)
    columns = [np.ones(27), x, *([surface] if with_surface else [])]
    projected = np.stack([weighted_residual(columns, row, weights) for row in J])
    residual = weighted_residual(columns, y, weights)
    root = np.sqrt(weights)
    slope = np.linalg.lstsq(np.stack(columns, axis=1) * root[:, None], y * root, rcond=None)[0][1]
    assert H[0, 0].numpy() == pytest.approx(slope**2 * (projected * weights) @ projected.T, rel=1e-3, abs=1e-6)
    assert g[0, 0].numpy() == pytest.approx(-slope * (projected * weights) @ residual, rel=1e-3, abs=1e-3)


def test_squares_of_the_template_without_its_mean_and_step(cell):
    _, y, weights, surface, _ = cell
    expected = weighted_residual([np.ones(27), surface], y, weights) ** 2
    found = centred_squares(tensor(y)[0], tensor(weights)[0], NONE, tensor(surface)[0])
    assert found.numpy().ravel() == pytest.approx(expected, rel=1e-3, abs=1e-2)
