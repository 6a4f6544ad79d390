"""The channels of normalised gradients are the loss of the same name as a sum of squares."""

import torch

from hepareg.refinement.ngf import edge_products
from hepareg.similarity import ngf_loss


def test_half_the_squared_distance_is_the_loss():
    generator = torch.Generator().manual_seed(0)
    one, two = (100 * torch.randn(1, 1, 9, 8, 7, generator=generator) for _ in range(2))
    ones, spacing = torch.ones_like(one), torch.tensor([1.0, 1.5, 3.0])
    a, b = (edge_products(image, ones, spacing_mm=spacing, edge=0.7) for image in (one, two))
    loss = ngf_loss(one, two, spacing_mm=spacing.tolist(), edge=0.7)
    assert a.shape == (10, 9, 8, 7)
    assert torch.allclose((a - b).square().sum(0).mean() / 2, loss[0], rtol=1e-4)
