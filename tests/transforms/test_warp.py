"""Sampling at world points, on grids that give away axis and direction mistakes."""

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from hepareg.errors import InputError
from hepareg.geometry import Grid, apply_matrix
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.transforms import RigidTransform
from hepareg.transforms.warp import EDGE_TOLERANCE_VOX, sample_points, sampler_from_voxel, values_at, warp

SHAPE = (9, 11, 7)
OBLIQUE = rotation_from_vector([0.3, -0.2, 0.5])
GRIDS = {
    "RAS": np.diag([1.0, 1.0, 1.0]),
    "LPS": np.diag([-1.0, -1.0, 1.0]),
    "anisotropic": np.diag([0.8, 0.7, 5.0]),
    "oblique": OBLIQUE * [0.8, 1.3, 2.5],
    "left-handed": OBLIQUE * [-0.8, 1.3, 2.5],
    "permuted": np.array([[0, 0, 1.5], [2.0, 0, 0], [0, 0.5, 0]]),
}


@pytest.fixture(params=GRIDS)
def grid(request):
    return Grid(SHAPE, homogeneous(GRIDS[request.param], [-123.4, 56.7, 890.1]))


COEFFICIENTS = np.array([0.7, -1.1, 0.4])


def linear_image(grid, dtype=torch.float64):
    """Return an image that is a linear function of the world position: linear interpolation is exact on it."""
    points = grid.world_points(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1))
    return torch.tensor((points - grid.centre_mm) @ COEFFICIENTS, dtype=dtype)[None, None]


def test_identity_returns_the_image_and_is_valid_everywhere(grid):
    image = torch.rand(2, 3, *SHAPE)
    matrix = grid.world_from_voxel
    warped, valid = warp(image, moving_world_from_voxel=matrix, fixed_world_from_voxel=matrix, fixed_shape=SHAPE)
    torch.testing.assert_close(warped, image, atol=2e-5, rtol=0)
    assert valid.shape == (2, 1, *SHAPE)
    assert valid.all()


def test_linear_image_through_rigid_transform_and_displacement_is_exact(grid):
    transform = RigidTransform.from_vectors([0.05, -0.1, 0.08], [1.5, -0.7, 0.9], centre_mm=grid.centre_mm)
    fixed = Grid((6, 5, 8), homogeneous(rotation_from_vector([0, 0.4, 0.1]) * [0.9, 1.1, 0.6], grid.centre_mm - 2))
    generator = torch.Generator().manual_seed(0)
    displacement = 0.3 * torch.rand(1, 3, *fixed.shape, dtype=torch.float64, generator=generator)
    warped, valid = warp(
        linear_image(grid),
        moving_world_from_voxel=grid.world_from_voxel,
        fixed_world_from_voxel=fixed.world_from_voxel,
        fixed_shape=fixed.shape,
        moving_from_fixed=transform.matrix,
        displacement=displacement,
        padding=-1024.0,
    )
    x = fixed.world_points(np.stack(np.meshgrid(*map(np.arange, fixed.shape), indexing="ij"), -1))
    y = transform.apply(x + displacement[0].permute(1, 2, 3, 0).numpy())
    v = grid.voxel_points(y)
    inside = ((v >= -EDGE_TOLERANCE_VOX) & (v <= np.array(SHAPE) - 1 + EDGE_TOLERANCE_VOX)).all(-1)
    np.testing.assert_array_equal(valid[0, 0].numpy(), inside)
    expected = np.where(inside, (y - grid.centre_mm) @ COEFFICIENTS, -1024.0)
    np.testing.assert_allclose(warped[0, 0].numpy(), expected, atol=2 * EDGE_TOLERANCE_VOX)
    np.testing.assert_allclose(warped[0, 0].numpy()[grid.contains(y)], expected[grid.contains(y)], atol=1e-9)
    assert 0.05 < valid.double().mean() < 1


def test_points_are_sampled_where_they_are(grid):
    rng = np.random.default_rng(0)
    points = grid.world_points(rng.uniform(-1, 1, (50, 3)) * 0.7 * np.array(SHAPE) + np.array(SHAPE) / 2)
    values, valid = sample_points(
        linear_image(grid), torch.tensor(points)[None], world_from_voxel=grid.world_from_voxel, padding=7.0
    )
    expected = np.where(grid.contains(points), (points - grid.centre_mm) @ COEFFICIENTS, 7.0)
    np.testing.assert_allclose(values[0, 0].numpy(), expected, atol=1e-9)
    np.testing.assert_array_equal(valid[0, 0].numpy(), grid.contains(points))


def test_values_beyond_the_border_are_those_of_the_nearest_voxel():
    image = torch.rand(2, 3, *SHAPE)
    voxels = np.random.default_rng(1).uniform(-3, 14, (40, 3))
    places = torch.tensor(apply_matrix(sampler_from_voxel(SHAPE), voxels)).expand(2, 40, 3)[:, :, None, None]
    found = values_at(image, places)
    assert found.shape == (2, 3, 40, 1, 1)
    assert found.dtype == torch.float64
    for b, c in np.ndindex(2, 3):
        expected = map_coordinates(image[b, c].double().numpy(), voxels.T, order=1, mode="nearest")
        np.testing.assert_allclose(found[b, c, :, 0, 0].numpy(), expected, atol=1e-9)


def test_agrees_with_simpleitk(grid):
    sitk = pytest.importorskip("SimpleITK")
    rng = np.random.default_rng(1)
    data = rng.standard_normal(SHAPE)
    transform = RigidTransform.from_vectors([0.1, 0.2, -0.1], [0.4, -0.3, 0.8], centre_mm=grid.centre_mm)
    image = sitk.GetImageFromArray(data.transpose(2, 1, 0))
    lps = np.diag([-1, -1, 1.0, 1]) @ grid.world_from_voxel
    image.SetSpacing(grid.spacing_mm.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / grid.spacing_mm).ravel().tolist())
    other = sitk.AffineTransform(3)
    other.SetMatrix(transform.matrix_lps[:3, :3].ravel().tolist())
    other.SetTranslation(transform.matrix_lps[:3, 3].tolist())
    expected = sitk.GetArrayFromImage(sitk.Resample(image, other, sitk.sitkLinear, -5.0)).transpose(2, 1, 0)
    warped, valid = warp(
        torch.tensor(data)[None, None],
        moving_world_from_voxel=grid.world_from_voxel,
        fixed_world_from_voxel=grid.world_from_voxel,
        fixed_shape=SHAPE,
        moving_from_fixed=transform.matrix,
    )
    inside = valid[0, 0].numpy()
    assert inside.any()
    np.testing.assert_allclose(warped[0, 0].numpy()[inside], expected[inside], atol=1e-6)


def test_nearest_keeps_labels_and_their_dtype(grid):
    labels = torch.randint(0, 300, (1, 1, *SHAPE), dtype=torch.int16)
    shifted = RigidTransform.from_vectors([0, 0, 0], grid.world_from_voxel[:3, 0])
    warped, valid = warp(
        labels,
        moving_world_from_voxel=grid.world_from_voxel,
        fixed_world_from_voxel=grid.world_from_voxel,
        fixed_shape=SHAPE,
        moving_from_fixed=shifted.matrix,
        interpolation="nearest",
        padding=-1,
    )
    assert warped.dtype == torch.int16
    torch.testing.assert_close(warped[:, :, :-1], labels[:, :, 1:])
    assert (warped[:, :, -1] == -1).all()
    assert not valid[:, :, -1].any()


def test_batch_of_matrices_equals_loop(grid):
    image = torch.rand(2, 1, *SHAPE)
    matrices = torch.tensor(
        np.stack([RigidTransform.from_vectors([0.1 * b, 0, 0.2], [b, 1, 0]).matrix for b in range(2)])
    )
    places = {
        "moving_world_from_voxel": grid.world_from_voxel,
        "fixed_world_from_voxel": grid.world_from_voxel,
        "fixed_shape": SHAPE,
    }
    both = warp(image, moving_from_fixed=matrices, **places).image
    for b in range(2):
        one = warp(image[b : b + 1], moving_from_fixed=matrices[b], **places).image
        torch.testing.assert_close(both[b : b + 1], one)


def test_gradients_reach_matrix_displacement_and_image(grid):
    torch.manual_seed(0)
    image = torch.rand(1, 1, *SHAPE, dtype=torch.float64, requires_grad=True)
    linear = torch.tensor(rotation_from_vector([0.01, 0.02, 0.0]))
    translation = torch.tensor(grid.world_from_voxel[:3, :3] @ [0.21, 0.13, -0.17])
    displacement = 0.05 * torch.rand(1, 3, 3, 3, 3, dtype=torch.float64)
    inner = grid.crop((3, 3, 2), (6, 6, 5))
    centre = torch.tensor(inner.centre_mm)

    def sampled(A, t, u, x):
        matrix = torch.eye(4, dtype=torch.float64)
        matrix = torch.cat([torch.cat([A, (centre - A @ centre + t)[:, None]], 1), matrix[3:]])
        return warp(
            x,
            moving_world_from_voxel=grid.world_from_voxel,
            fixed_world_from_voxel=inner.world_from_voxel,
            fixed_shape=inner.shape,
            moving_from_fixed=matrix,
            displacement=u,
        ).image

    operands = (linear, translation, displacement, image)
    assert torch.autograd.gradcheck(sampled, tuple(x.requires_grad_() for x in operands), fast_mode=True)


def test_axis_of_one_voxel_is_sampled():
    image = torch.arange(12.0).reshape(1, 1, 3, 1, 4)
    warped, valid = warp(
        image, moving_world_from_voxel=np.eye(4), fixed_world_from_voxel=np.eye(4), fixed_shape=(3, 1, 4)
    )
    torch.testing.assert_close(warped, image)
    assert valid.all()


def test_half_precision_is_sampled_in_single():
    image = torch.rand(1, 1, *SHAPE)
    places = {"moving_world_from_voxel": np.eye(4), "fixed_world_from_voxel": np.eye(4), "fixed_shape": SHAPE}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        warped = warp(image, displacement=torch.full((1, 3, *SHAPE), 0.013), padding="border", **places).image
    assert warped.dtype == torch.float32
    torch.testing.assert_close(
        warped, warp(image, displacement=torch.full((1, 3, *SHAPE), 0.013), padding="border", **places).image
    )
    assert warp(image.bfloat16(), **places).image.dtype == torch.float32


def test_wrong_shapes_are_an_error():
    places = {"moving_world_from_voxel": np.eye(4), "fixed_world_from_voxel": np.eye(4), "fixed_shape": SHAPE}
    with pytest.raises(InputError, match="expected an image of shape"):
        warp(torch.zeros(SHAPE), **places)
    with pytest.raises(InputError, match="expected a displacement of shape"):
        warp(torch.zeros(1, 1, *SHAPE), displacement=torch.zeros(1, 3, 2, 2, 2), **places)
