"""The gather against torch's own sampler, which stays the reference."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from hepareg.transforms.trilinear import trilinear_corners
from hepareg.transforms.warp import sample_points


@pytest.mark.parametrize("shape", [(7, 9, 5), (1, 6, 4), (5, 1, 1), (2, 2, 2)])
def test_equals_grid_sample_inside_at_the_border_and_outside(shape):
    rng = np.random.default_rng(0)
    channels = torch.tensor(rng.normal(size=(3, *shape)), dtype=torch.float32)
    points = np.concatenate([rng.uniform(-3, np.array(shape) + 2, (200, 3)), rng.integers(0, shape, (20, 3))])
    positions = torch.tensor(points.T[:, None], dtype=torch.float32)
    rows, weights, ways, valid = trilinear_corners(positions, shape)
    table = channels.reshape(3, -1).T.contiguous()
    found = functional.embedding_bag(rows, table, per_sample_weights=weights, mode="sum").T
    expected = sample_points(channels[None], torch.tensor(points)[None], world_from_voxel=np.eye(4), padding="border")
    torch.testing.assert_close(found, expected.image[0], atol=2e-5, rtol=0)
    assert torch.equal(valid, expected.valid[0])
    assert valid.any()
    upper = np.argwhere(np.ones((2, 2, 2))).T[:, None]
    torch.testing.assert_close(
        ways, (torch.tensor(upper, dtype=torch.float32) * weights).sum(dim=-1), atol=1e-5, rtol=0
    )
    assert int(rows.min()) >= 0
    assert int(rows.max()) < table.shape[0]


def test_poses_are_a_batch():
    positions = torch.rand(3, 4, 10) * 5
    rows, weights, ways, valid = trilinear_corners(positions, (8, 8, 8))
    assert (rows.shape, weights.shape, ways.shape, valid.shape) == ((40, 8), (40, 8), (3, 40), (4, 10))
    one = trilinear_corners(positions[:, 2:3], (8, 8, 8))
    assert torch.equal(rows[20:30], one[0])
    assert torch.equal(weights[20:30], one[1])
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(40))
