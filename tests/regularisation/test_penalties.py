"""Every penalty: exact values on maps whose derivatives are known, on grids in every orientation, and gradients."""

import inspect

import numpy as np
import pytest
import torch

from hepareg.errors import InputError, SettingsError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.regularisation import REGULARISERS
from hepareg.regularisation.bending_energy import bending_energy
from hepareg.regularisation.folding import folding_penalty
from hepareg.regularisation.gradients import gradient_penalty
from hepareg.regularisation.identity import identity_penalty
from hepareg.regularisation.inverse_consistency import (
    displacement_inverse_consistency,
    inverse_consistency_penalty,
    rigid_inverse_consistency,
)
from hepareg.transforms import RigidTransform
from hepareg.transforms.displacement import inverse_displacement, world_points

OBLIQUE = rotation_from_vector([0.3, -0.2, 0.5])
AXES = {
    "isotropic": np.eye(3),
    "anisotropic": np.diag([0.8, 0.7, 5.0]),
    "oblique": OBLIQUE * [0.8, 1.3, 2.5],
    "left-handed": OBLIQUE * [-0.8, 1.3, 2.5],
}
ON_FIELDS = [gradient_penalty, bending_energy, folding_penalty]


@pytest.fixture(params=AXES)
def grid(request):
    return Grid((9, 8, 7), homogeneous(AXES[request.param], [-110.0, 40.0, 700.0]))


def linear_field(grid, departure, batch=1):
    """Return u(x) = departure (x - centre)."""
    matrix = homogeneous(departure, -departure @ grid.centre_mm)
    matrix[3, 3] = 0
    return world_points(torch.tensor(matrix @ grid.world_from_voxel), grid.shape).expand(batch, -1, -1, -1, -1)


def points(grid):
    return grid.world_points(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1).reshape(-1, 3))


def test_identity_penalty_is_the_mean_squared_displacement(grid):
    matrices = [
        np.eye(4),
        RigidTransform.from_vectors([0.1, -0.2, 0.3], [1, 2, -3], centre_mm=grid.centre_mm).matrix,
        homogeneous(np.diag([1.1, 0.9, 1.0]), [3, 4, 5]),
    ]
    expected = [
        ((homogeneous(m[:3, :3] - np.eye(3), m[:3, 3])[:3] @ np.c_[points(grid), np.ones(504)].T) ** 2).sum(0).mean()
        for m in matrices
    ]
    value = identity_penalty(torch.tensor(np.stack(matrices)), torch.tensor(grid.world_from_voxel), grid.shape)
    np.testing.assert_allclose(value.numpy(), expected, rtol=1e-9, atol=1e-12)


def test_gradient_penalty_of_a_linear_field(grid):
    departure = np.array([[0.1, 0.02, 0.0], [0.0, -0.1, 0.03], [0.01, 0.0, 0.05]])
    u, W = linear_field(grid, departure, 2), torch.tensor(grid.world_from_voxel)
    np.testing.assert_allclose(gradient_penalty(u, W).numpy(), (departure**2).sum(), rtol=1e-6)
    np.testing.assert_allclose(gradient_penalty(u, W, power=1).numpy(), np.abs(departure).sum(), rtol=1e-6)
    assert gradient_penalty(torch.full_like(u, 7.0), W).abs().max() < 1e-12
    with pytest.raises(SettingsError, match="expected power"):
        gradient_penalty(u, W, power=3)


def test_bending_energy_of_a_quadratic_field(grid):
    x = (
        world_points(torch.tensor(grid.world_from_voxel), grid.shape)
        - torch.tensor(grid.centre_mm)[:, None, None, None]
    )
    u = torch.stack([x[:, 0] * x[:, 1], x[:, 2].square(), torch.zeros_like(x[:, 0])], dim=1)
    mask = torch.zeros(1, 1, *grid.shape)
    mask[:, :, 2:-2, 2:-2, 2:-2] = 1  # one-sided differences at the border are not exact for squares
    value = bending_energy(u, torch.tensor(grid.world_from_voxel), mask)
    assert value.item() == pytest.approx(2 * 1**2 + 2**2, rel=1e-6)


def test_bending_energy_lets_affine_maps_pass(grid):
    rotation = rotation_from_vector([0.5, 0.2, -0.3]) - np.eye(3)
    assert bending_energy(linear_field(grid, rotation), torch.tensor(grid.world_from_voxel)).item() < 1e-18


def test_folding_penalty(grid):
    W = torch.tensor(grid.world_from_voxel)
    mirror = linear_field(grid, np.diag([-2.0, 0, 0]))
    assert folding_penalty(mirror, W).item() == pytest.approx(1.1**2)
    assert folding_penalty(linear_field(grid, np.diag([-0.5, 0.2, 0.0])), W).item() == 0


def test_inverse_consistency_of_rigid_pairs(grid):
    T = RigidTransform.from_vectors([0.1, -0.2, 0.3], [1, 2, -3], centre_mm=grid.centre_mm)
    there, back = torch.tensor(T.matrix)[None], torch.tensor(T.inverse().matrix)[None]
    W = torch.tensor(grid.world_from_voxel)
    assert rigid_inverse_consistency(there, back, W, grid.shape).item() < 1e-18
    off = back.clone()
    off[:, 0, 3] += 2.0
    assert rigid_inverse_consistency(there, off, W, grid.shape).item() == pytest.approx(4.0)


def test_inverse_consistency_of_fields(grid):
    W = torch.tensor(grid.world_from_voxel)
    u = linear_field(grid, np.diag([0.05, -0.03, 0.02]))
    v = inverse_displacement(u, W, tolerance_mm=1e-9)
    mask = torch.zeros(1, 1, *grid.shape)
    mask[:, :, 3:-3, 3:-3, 3:-3] = 1
    assert displacement_inverse_consistency(v, u, W, mask).item() < 1e-12
    assert displacement_inverse_consistency(u, torch.zeros_like(u), W, mask).item() > 1e-4
    step = torch.tensor(grid.world_from_voxel[:3, 0])[:, None, None, None].expand_as(u)
    # the last plane leaves the grid and does not count; the others return a step short
    assert displacement_inverse_consistency(step, torch.zeros_like(u), W).item() == pytest.approx(
        grid.spacing_mm[0] ** 2
    )


def test_inverse_consistency_sums_both_branches(grid):
    W, shape = torch.tensor(grid.world_from_voxel), grid.shape
    there, back = (torch.tensor(RigidTransform.from_vectors([0.1, 0, 0], [x, 0, 0]).matrix)[None] for x in (3.0, -1.0))
    u, v = (linear_field(grid, np.diag([size, 0, 0])) for size in (0.05, 0.02))
    rigid = rigid_inverse_consistency(there, back, W, shape)
    assert torch.equal(inverse_consistency_penalty(there, back, W, shape), rigid)
    both = inverse_consistency_penalty(there, back, W, shape, u, v)
    torch.testing.assert_close(both, rigid + displacement_inverse_consistency(u, v, W))
    assert both > rigid


@pytest.mark.parametrize("name", REGULARISERS)
def test_every_penalty_in_the_table_takes_parts_of_a_prediction_by_name(name):
    parts = {"matrix", "displacement", "backward_matrix", "backward_displacement", "world_from_voxel", "shape"}
    positional = [p for p in inspect.signature(REGULARISERS[name]).parameters.values() if p.kind is not p.KEYWORD_ONLY]
    assert {p.name for p in positional} <= {*parts, "mask"}
    assert all(p.name in parts for p in positional if p.default is p.empty)


@pytest.mark.parametrize("penalty", ON_FIELDS)
def test_contract_of_penalties_on_fields(penalty):
    grid = Grid((9, 8, 7), homogeneous(AXES["left-handed"], [0, 0, 0]))
    W = torch.tensor(grid.world_from_voxel)
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(2, 3, *grid.shape, dtype=torch.float64, generator=generator)
    mask = torch.zeros(2, 1, *grid.shape)
    mask[:, :, 4, 4, 3] = 1
    value = penalty(u, W, mask)
    assert value.shape == (2,)
    torch.testing.assert_close(value[1:], penalty(u[1:], W, mask[1:]))
    torch.testing.assert_close(penalty(u.float(), W, mask), value.float(), rtol=1e-4, atol=1e-6)
    assert penalty(u.bfloat16(), W, mask).dtype == torch.float32
    edited = u.clone()
    edited[:, :, :2] = edited[:, :, 7:] = 99.0
    torch.testing.assert_close(penalty(edited, W, mask), value)
    assert torch.isnan(penalty(u, W, torch.zeros_like(mask))).all()
    with pytest.raises(InputError, match="expected a mask of shape"):
        penalty(u, W, mask[:, :, 1:])
    small = 0.5 * torch.randn(1, 3, 4, 3, 3, dtype=torch.float64, generator=generator)
    assert torch.autograd.gradcheck(lambda u: penalty(u, W), small.requires_grad_())


def test_gradients_of_matrix_penalties_at_the_identity():
    W, eye = torch.eye(4, dtype=torch.float64), torch.eye(4, dtype=torch.float64)[None].requires_grad_()
    other = torch.eye(4, dtype=torch.float64)[None].requires_grad_()
    assert torch.autograd.gradcheck(lambda m: identity_penalty(m, W, (5, 6, 7)), eye)
    assert torch.autograd.gradcheck(lambda a, b: rigid_inverse_consistency(a, b, W, (5, 6, 7)), (eye, other))
    u = 0.2 * torch.rand(1, 3, 4, 4, 4, dtype=torch.float64) + 0.1
    assert torch.autograd.gradcheck(
        lambda u, v: displacement_inverse_consistency(u, v, W), (u.requires_grad_(), u.detach().neg().requires_grad_())
    )
