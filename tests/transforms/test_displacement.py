"""Displacement fields against maps whose Jacobian, composition and inverse are known."""

import numpy as np
import pytest
import torch

from hepareg.errors import InputError, TransformError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.transforms.displacement import (
    DisplacementField,
    folding_fraction,
    inverse_displacement,
    jacobian,
    jacobian_determinant,
    linear_before_displacement,
    world_points,
)

OBLIQUE = rotation_from_vector([0.3, -0.2, 0.5])
AXES = {
    "isotropic": np.eye(3),
    "anisotropic": np.diag([0.8, 0.7, 5.0]),
    "oblique": OBLIQUE * [0.8, 1.3, 2.5],
    "left-handed": OBLIQUE * [-0.8, 1.3, 2.5],
}
A = np.array([[1.1, 0.05, 0.0], [0.02, 0.9, -0.04], [0.03, 0.0, 1.05]])


@pytest.fixture(params=AXES)
def grid(request):
    return Grid((12, 10, 9), homogeneous(AXES[request.param], [-110.0, 40.0, 700.0]))


def affine_field(grid, linear=A, dtype=torch.float64):
    """Return the displacement of an affine map about the grid's centre."""
    matrix = homogeneous(linear, grid.centre_mm - linear @ grid.centre_mm + [0.5, -0.3, 0.2])
    shift = torch.tensor((matrix - np.eye(4)) @ grid.world_from_voxel)
    return AffineTransform(matrix), DisplacementField(world_points(shift, grid.shape)[0].to(dtype), grid)


def bump(grid, amplitude_mm=1.5):
    """Return a smooth field that vanishes towards the border."""
    x = world_points(torch.tensor(grid.world_from_voxel), grid.shape)[0]
    extent = torch.tensor(grid.spacing_mm * grid.shape)
    r = torch.einsum(
        "wv,wijk->vijk",
        torch.tensor(grid.world_from_voxel[:3, :3] / grid.spacing_mm),
        x - torch.tensor(grid.centre_mm)[:, None, None, None],
    )
    envelope = torch.exp(-0.5 * ((r / (0.15 * extent)[:, None, None, None]) ** 2).sum(0))
    return DisplacementField(amplitude_mm * envelope * torch.tensor([0.6, -0.4, 0.7])[:, None, None, None], grid)


def test_jacobian_of_an_affine_map_is_its_matrix(grid):
    transform, field = affine_field(grid)
    J = jacobian(field.displacement_mm[None], torch.tensor(grid.world_from_voxel))[0]
    expected = torch.tensor(transform.linear)[:, :, None, None, None].expand_as(J)
    torch.testing.assert_close(J, expected, atol=1e-9, rtol=0)
    torch.testing.assert_close(
        field.jacobian_determinant(), torch.full(grid.shape, np.linalg.det(A), dtype=torch.float64)
    )
    assert field.jacobian_range() == pytest.approx((np.linalg.det(A),) * 2)
    assert field.folding_fraction() == 0


def test_rotation_keeps_every_volume(grid):
    _, field = affine_field(grid, rotation_from_vector([0.2, 0.5, -0.3]))
    np.testing.assert_allclose(field.jacobian_determinant().numpy(), 1, atol=1e-9)


def test_mirror_is_folded_everywhere(grid):
    _, field = affine_field(grid, np.diag([-1.0, 1.0, 1.0]))
    assert field.folding_fraction() == 1
    mask = torch.zeros(1, 1, *grid.shape)
    mask[:, :, 3] = 1
    matrix = torch.tensor(grid.world_from_voxel)
    assert folding_fraction(field.displacement_mm[None], matrix, mask).item() == 1


def test_apply_reads_the_field_at_world_points(grid):
    transform, field = affine_field(grid)
    points = grid.world_points(np.random.default_rng(0).uniform(0, 1, (20, 3)) * (np.array(grid.shape) - 1))
    np.testing.assert_allclose(field.apply(points), transform.apply(points), atol=1e-9)


def test_composition_with_a_linear_map_matches_pointwise(grid):
    field = bump(grid)
    transform = RigidTransform.from_vectors([0.1, -0.05, 0.07], [0.4, 0.3, -0.2], centre_mm=grid.centre_mm)
    points = grid.world_points(np.random.default_rng(0).integers(3, 6, (20, 3)))
    np.testing.assert_allclose(
        field.followed_by(transform).apply(points), transform.apply(field.apply(points)), atol=1e-9
    )
    np.testing.assert_allclose(
        field.preceded_by(transform).apply(points), field.apply(transform.apply(points)), atol=1e-9
    )


def test_identity_composition_changes_nothing(grid):
    field = bump(grid)
    for composed in (field.followed_by(RigidTransform.identity()), field.preceded_by(RigidTransform.identity())):
        torch.testing.assert_close(composed.displacement_mm, field.displacement_mm, atol=1e-9, rtol=0)


def test_inverse_undoes_the_field(grid):
    field = bump(grid, 0.5 * min(grid.spacing_mm))
    points = grid.world_points(np.random.default_rng(0).uniform(0.3, 0.6, (30, 3)) * np.array(grid.shape))
    # between voxels both fields are linear, their inverses are not: some per cent of a voxel remain
    np.testing.assert_allclose(field.inverse().apply(field.apply(points)), points, atol=0.05 * min(grid.spacing_mm))
    np.testing.assert_allclose(
        field.apply(field.inverse().apply(grid.world_points([[5, 5, 4]]))), grid.world_points([[5, 5, 4]]), atol=2e-3
    )


def test_folded_field_has_no_inverse(grid):
    field = bump(grid, 10 * max(grid.spacing_mm))
    assert field.folding_fraction() > 0
    with pytest.raises(TransformError, match="expected an invertible displacement"):
        field.inverse()


def test_functions_are_differentiable(grid):
    matrix = torch.tensor(grid.world_from_voxel)
    u = 0.1 * torch.rand(1, 3, 4, 3, 3, dtype=torch.float64)
    transform = torch.tensor(RigidTransform.from_vectors([0.01, 0.02, 0], [0.1, 0.2, 0.1]).matrix)
    assert torch.autograd.gradcheck(lambda u: jacobian_determinant(u, matrix), u.requires_grad_())
    assert torch.autograd.gradcheck(lambda u: linear_before_displacement(u, transform, matrix), u)
    inverse_displacement(u, matrix).sum().backward()
    assert torch.isfinite(u.grad).all()


def test_wrong_shape_is_an_error(grid):
    with pytest.raises(InputError, match="expected a displacement of shape"):
        DisplacementField(torch.zeros(3, 2, 2, 2), grid)
