"""Finite differences on grids in every orientation."""

import numpy as np
import pytest
import torch

from hepareg.geometry.differences import spatial_gradient, voxel_gradient
from hepareg.geometry.rotations import rotation_from_vector

OBLIQUE = rotation_from_vector([0.3, -0.2, 0.5])


@pytest.mark.parametrize(
    "axes", [np.eye(3), np.diag([0.5, 2, 5.0]), OBLIQUE * [0.8, 1.3, 2.5], OBLIQUE * [-0.8, 1.3, 2.5]]
)
def test_gradient_of_a_linear_function_is_its_coefficients(axes):
    matrix = np.eye(4)
    matrix[:3, :3] = axes
    voxels = np.stack(np.meshgrid(*map(np.arange, (4, 5, 2)), indexing="ij"))
    image = torch.tensor(np.einsum("w,wv,vijk->ijk", [1.0, -2.0, 0.5], axes, voxels))[None, None]
    gradient = spatial_gradient(image, torch.tensor(matrix))
    expected = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)[:, None, None, None].expand(3, 4, 5, 2)
    torch.testing.assert_close(gradient[0, 0], expected)


def test_central_differences_inside_and_one_sided_at_the_border():
    image = torch.tensor([0.0, 1.0, 4.0, 9.0]).reshape(1, 1, 4, 1, 1)
    gradient = voxel_gradient(image)
    assert gradient.shape == (1, 1, 3, 4, 1, 1)
    assert gradient[0, 0, 0].flatten().tolist() == [1.0, 2.0, 4.0, 5.0]
    assert (gradient[0, 0, 1:] == 0).all()
