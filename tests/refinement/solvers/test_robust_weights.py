"""Robust weights."""

import torch

from hepareg.refinement.solvers.robust_weights import cell_weights, robust_scale, robust_weights


def test_outliers_count_little_and_excluded_voxels_have_no_say():
    residual = torch.ones(2, 10, 5)
    residual[0, 0, 0] = 100.0
    inside = torch.ones(2, 10, 5)
    residual[1, :6], inside[1, :6] = 1e6, 0.0
    weights = robust_weights(residual, inside, scale=robust_scale(residual, inside))
    assert weights[0, 0, 0] < 1e-2
    assert torch.allclose(weights[0, 1:], torch.tensor(1 / (1 + (1 / 2.9652) ** 2)))
    assert (weights[1, :6] == 0).all()
    assert torch.allclose(weights[1, 6:], weights[0, 1, 0])


def test_nothing_inside_gives_zero_and_no_nan():
    ones, zeros = torch.ones(1, 2, 2), torch.zeros(1, 2, 2)
    assert torch.equal(robust_weights(ones, zeros, scale=robust_scale(ones, zeros)), zeros)


def test_a_cell_that_does_not_fit_loses_its_weight_as_a_whole():
    residual = torch.ones(1, 10, 5)
    residual[0, 0, :4] = 20.0
    residual[0, 1, 0], inside = 1e6, torch.ones(1, 10, 5)
    inside[0, 1, 0] = 0
    weights = cell_weights(residual, inside, scale=robust_scale(residual, inside))
    assert weights.shape == (1, 10, 1)
    assert weights[0, 0] < 1e-3 * weights[0, 2]
    assert torch.allclose(weights[0, 1:], weights[0, 2])
