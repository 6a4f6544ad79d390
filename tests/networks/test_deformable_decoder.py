"""Integration of spatial gradients: no half voxel, right axes, right units."""

import numpy as np
import pytest
import torch

from hepareg.errors import SettingsError
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.networks.deformable_decoder import DeformableDecoder, DeformableDecoderSettings, integrate_gradients
from hepareg.transforms.displacement import jacobian_determinant

OBLIQUE = rotation_from_vector([0.3, -0.2, 0.5])
AXES = [np.diag([0.8, 1.5, 5.0]), OBLIQUE * [-0.8, 1.3, 2.5], np.array([[0, 0, 1.5], [2.0, 0, 0], [0, 0.5, 0]])]


@pytest.fixture(params=range(len(AXES)))
def matrix(request):
    return torch.tensor(homogeneous(AXES[request.param], [10.0, -20.0, 30.0]))[None]


def test_unit_gradients_are_the_identity(matrix):
    assert (integrate_gradients(torch.ones(1, 3, 300, 4, 5), matrix) == 0).all()


@pytest.mark.parametrize("axis", range(3))
def test_constant_gradient_stretches_its_own_axis(matrix, axis):
    gradients = torch.ones(1, 3, 5, 6, 7, dtype=torch.float64)
    gradients[:, axis] = 1.25
    u = integrate_gradients(gradients, matrix)
    index = torch.arange(u.shape[2 + axis], dtype=u.dtype)
    along = u.movedim(2 + axis, -1)[0]
    expected = 0.25 * index * matrix[0, :3, axis, None, None, None]
    torch.testing.assert_close(along, expected.expand_as(along), atol=1e-12, rtol=0)


def test_smooth_gradient_is_integrated_without_a_half_voxel():
    n = 41
    v = torch.arange(n, dtype=torch.float64)
    gradients = torch.ones(1, 3, n, 2, 2, dtype=torch.float64)
    gradients[:, 0] += 0.5 * torch.sin(v / 6)[:, None, None]
    u = integrate_gradients(gradients, torch.eye(4, dtype=torch.float64)[None])
    exact = 0.5 * 6 * (1 - torch.cos(v / 6))
    # the trapezoid rule is off by (f'(end) - f'(0)) / 12: under 0.014; half a voxel's slip would be 0.25
    torch.testing.assert_close(u[0, 0, :, 0, 0], exact, atol=0.015, rtol=0)


def test_each_axis_stays_monotone(matrix):
    gradients = 2 * torch.sigmoid(3 * torch.randn(1, 3, 8, 9, 7, dtype=torch.float64))
    voxels = torch.linalg.solve(matrix[0, :3, :3], integrate_gradients(gradients, matrix)[0].flatten(1))
    voxels = voxels.reshape(3, 8, 9, 7)
    for axis in range(3):
        assert (voxels[axis].diff(dim=axis) + 1 > 0).all()
    gradients[:, 1:] = 1  # one deformed axis: the determinant is its monotone derivative
    gradients[:, 0] = gradients[:, 0, :, :1, :1]
    assert (jacobian_determinant(integrate_gradients(gradients, matrix), matrix) > 0).all()


def test_gradcheck(matrix):
    gradients = torch.rand(1, 3, 3, 4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda g: integrate_gradients(g, matrix), gradients)


@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("size", [16, 17, 19])
def test_strided_level_gives_the_displacement_of_the_full_grid(matrix, stride, size):
    decoder = DeformableDecoder((4,), (stride,), DeformableDecoderSettings((4,)))
    shape = (size, size, size)
    coarse = -(-size // stride)
    u = decoder.displacement(torch.full((1, 3, coarse, coarse, coarse), 1.2, dtype=torch.float64), matrix, shape)
    full = integrate_gradients(torch.full((1, 3, *shape), 1.2, dtype=torch.float64), matrix)
    reached = stride * (coarse - 1) + 1  # beyond the level's last voxel its border value holds
    inner = (..., slice(reached), slice(reached), slice(reached))
    torch.testing.assert_close(u[inner], full[inner])


def test_output_is_within_bounds_and_starts_at_one():
    decoder = DeformableDecoder((4, 6), (2, 4), DeformableDecoderSettings((4, 4), first_level=0))
    features = (torch.randn(2, 4, 8, 8, 8), torch.randn(2, 6, 4, 4, 4))
    assert (decoder(features) == 1).all()
    torch.nn.init.normal_(decoder.out.weight, std=5)
    gradients = decoder(features)
    assert gradients.shape == (2, 3, 8, 8, 8)
    assert 0 <= gradients.min() < 0.5
    assert 1.5 < gradients.max() <= 2


def test_checkpointing_changes_no_gradient():
    gradients = []
    for recompute in (False, True):
        torch.manual_seed(0)
        decoder = DeformableDecoder((4, 6), (2, 4), DeformableDecoderSettings((4, 4), checkpoint=recompute))
        assert decoder.stride == 4
        torch.nn.init.ones_(decoder.out.weight)
        decoder((torch.ones(1, 4, 8, 8, 8), torch.rand(1, 6, 4, 4, 4))).square().sum().backward()
        gradients.append([p.grad for p in decoder.parameters()])
    torch.testing.assert_close(*gradients)


def test_no_convolution_is_an_error():
    with pytest.raises(SettingsError, match="expected at least one convolution"):
        DeformableDecoderSettings(())
