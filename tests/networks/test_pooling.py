"""The pooled head: where features lie, in mm from the region's centre, on every level."""

import pytest
import torch

from hepareg.networks.pooling import MomentHead


def head(moments=True, width=0):
    layer = MomentHead((1, 1), (1, 2), 8 if moments else 2, width=width, hidden=0, moments=moments)
    torch.nn.init.eye_(layer.out.weight)
    return layer


def test_starts_at_zero():
    layer = MomentHead((3, 5), (2, 4), 6, width=4, hidden=7, moments=True)
    assert (layer((torch.rand(2, 3, 8, 8, 8), torch.rand(2, 5, 4, 4, 4)), torch.ones(2, 3), (16, 16, 16)) == 0).all()


@pytest.mark.parametrize("size", [8, 9])
def test_moments_are_the_positions_of_features(size):
    spacing = torch.tensor([[1.0, 2.0, 5.0]])
    full, half = torch.zeros(1, 1, size, size, size), torch.zeros(1, 1, (size + 1) // 2, 4, (size + 1) // 2)
    full[0, 0, 6, 2, 4] = full.numel()
    half[0, 0, 3, 1, 2] = half.numel()  # the same place, two voxels to one
    pooled = head()((full, half), spacing, (size, size, size))[0]
    position = (torch.tensor([6.0, 2.0, 4.0]) - (size - 1) / 2) * spacing[0] / 100
    torch.testing.assert_close(pooled[:4], torch.cat([torch.ones(1), position]))
    torch.testing.assert_close(pooled[4:], torch.cat([torch.ones(1), position]))


def test_means_alone_do_not_know_where():
    x = torch.rand(1, 1, 8, 8, 8)
    places = (torch.ones(1, 3), (8, 8, 8))
    flipped = [head(moments=False)((y, y), *places) for y in (x, x.flip(2))]
    torch.testing.assert_close(*flipped)


def test_stays_in_single_precision_under_autocast():
    layer = MomentHead((3,), (1,), 6, width=4, hidden=7, moments=True)
    torch.nn.init.normal_(layer.out.weight)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer((torch.rand(1, 3, 8, 8, 8),), torch.ones(1, 3), (8, 8, 8)).dtype == torch.float32
