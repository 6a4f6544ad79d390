"""The polar factor without a singular value decomposition."""

import numpy as np
import pytest
import torch

from hepareg.geometry.rotations import nearest_rotation, rotation_from_vector
from hepareg.networks.polar import polar_rotation


@pytest.mark.parametrize("seed", range(5))
def test_is_the_nearest_rotation(seed):
    rng = np.random.default_rng(seed)
    A = (
        rotation_from_vector(rng.normal(size=3))
        @ np.diag(rng.uniform(0.02, 3, 3))
        @ rotation_from_vector(rng.normal(size=3))
    )
    A = A if np.linalg.det(A) > 0 else -A
    np.testing.assert_allclose(polar_rotation(torch.tensor(A)).numpy(), nearest_rotation(A), atol=1e-12)


def test_batch_equals_loop():
    A = torch.eye(3, dtype=torch.float64) + 0.3 * torch.randn(2, 4, 3, 3, dtype=torch.float64)
    torch.testing.assert_close(polar_rotation(A)[1, 2], polar_rotation(A[1, 2]))


@pytest.mark.parametrize("departure", [0.0, 1e-6, 0.2])
def test_gradient_also_at_the_identity(departure):
    generator = torch.Generator().manual_seed(0)
    A = torch.eye(3, dtype=torch.float64) + departure * torch.randn(3, 3, dtype=torch.float64, generator=generator)
    assert torch.autograd.gradcheck(polar_rotation, A.requires_grad_())
