import numpy as np
import pytest
import torch

from hepareg.geometry import apply_matrix
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.transforms.lattice import mapped_lattice

MATRIX = homogeneous(rotation_from_vector([0.3, -0.2, 0.5]) * [0.8, 1.3, 2.5], [-123.4, 56.7, 890.1])


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-12), (torch.float32, 2e-4)])
def test_every_point_goes_where_the_matrix_takes_it(dtype, atol):
    along = [np.array([0.5, 2.0, 9.0]), np.arange(4), np.array([-1.5, 100.0])]
    found = mapped_lattice(MATRIX, along, device=torch.device("cpu"), dtype=dtype)
    assert found.dtype == dtype
    expected = apply_matrix(MATRIX, np.stack(np.meshgrid(*along, indexing="ij"), axis=-1))
    np.testing.assert_allclose(found.numpy(), np.moveaxis(expected, -1, 0), rtol=0, atol=atol)
