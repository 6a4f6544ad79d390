"""The network's promises: a rotation in world mm whatever the grid, the identity before training, gradients."""

from itertools import product

import numpy as np
import pytest
import torch

from hepareg.errors import InputError, SettingsError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.networks import (
    AffineRigidDecoderSettings,
    DeformableDecoderSettings,
    DilatedEncoderSettings,
    KeypointRigidDecoderSettings,
    RegistrationNet,
    RegistrationNetSettings,
    RigidDecoderSettings,
    StridedEncoderSettings,
    parts,
)
from hepareg.regularisation.identity import identity_penalty
from hepareg.similarity.mse import mse_loss
from hepareg.transforms import RigidTransform
from hepareg.transforms.displacement import jacobian_determinant, world_points
from hepareg.transforms.warp import warp

OBLIQUE = rotation_from_vector([0.3, -0.2, 0.5])
AXES = {
    "isotropic": 3 * np.eye(3),
    "LPS": np.diag([-3.0, -3.0, 3.0]),
    "anisotropic": np.diag([0.8, 1.5, 5.0]),
    "oblique": OBLIQUE * [0.8, 1.3, 2.5],
    "left-handed": OBLIQUE * [-0.8, 1.3, 2.5],
}
SHAPE = (11, 10, 9)
ENCODERS = {"published": DilatedEncoderSettings((4, 6, 4), (1, 2, 3)), "efficient": StridedEncoderSettings((4, 6))}
DECODERS = {
    "rigid": RigidDecoderSettings(width=4, hidden=8),
    "affine": AffineRigidDecoderSettings(width=4, hidden=8),
    "keypoints": KeypointRigidDecoderSettings(points_per_axis=2, width=4),
}


def test_every_encoder_and_decoder_is_tested_here():
    assert ENCODERS.keys() == parts.ENCODERS.keys()
    assert DECODERS.keys() == parts.RIGID_DECODERS.keys()


@pytest.fixture(params=AXES)
def grid(request):
    return Grid(SHAPE, homogeneous(AXES[request.param], [-123.4, 56.7, 890.1]))


def make(mode="rigid", encoder="efficient", decoder="rigid", *, trained=True):
    """Return a small network; "trained" fills the layers that start at zero."""
    torch.manual_seed(0)
    net = RegistrationNet(
        RegistrationNetSettings(mode, ENCODERS[encoder], DECODERS[decoder], DeformableDecoderSettings((6, 4)))
    )
    if trained:
        for p in net.parameters():
            if not p.any():
                torch.nn.init.normal_(p, std=0.5)
    return net


def pair(batch=2):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(2, batch, 1, *SHAPE, generator=generator).unbind(0)


def matrices(grid, batch=2):
    return torch.tensor(grid.world_from_voxel).expand(batch, 4, 4)


@pytest.mark.parametrize(
    ("mode", "encoder", "decoder"), list(product(("rigid", "deformable", "both"), ENCODERS, DECODERS))
)
def test_identity_before_training(mode, encoder, decoder):
    grid = Grid(SHAPE, homogeneous(AXES["left-handed"], [-123.4, 56.7, 890.1]))
    output = make(mode, encoder, decoder, trained=False)(*pair(), matrices(grid))
    eye = torch.eye(4, dtype=torch.float64).expand(2, 4, 4)
    torch.testing.assert_close(output.predicted, eye, atol=1e-9, rtol=0)
    assert (output.displacement is None) == (mode == "rigid")
    if output.displacement is not None:
        assert output.displacement.shape == (2, 3, *SHAPE)
        assert (output.displacement == 0).all()
    torch.testing.assert_close(output.jacobian_range, torch.ones(2, 2))


@pytest.mark.parametrize("mode", ["deformable", "both"])
def test_the_range_of_the_jacobian_is_that_of_the_displacement(grid, mode):
    output = make(mode)(*pair(), matrices(grid))
    determinants = jacobian_determinant(output.displacement.detach(), matrices(grid)).flatten(1)
    torch.testing.assert_close(output.jacobian_range, torch.stack([determinants.amin(1), determinants.amax(1)], dim=1))
    assert (output.jacobian_range[:, 0] < 0.99).all()
    assert (output.jacobian_range[:, 1] > 1.01).all()


@pytest.mark.parametrize("decoder", DECODERS)
def test_prediction_is_a_rotation_in_millimetres(grid, decoder):
    predicted = make(decoder=decoder)(*pair(), matrices(grid)).predicted.detach()
    assert predicted.dtype == torch.float64
    R = predicted[:, :3, :3]
    torch.testing.assert_close(R @ R.mT, torch.eye(3, dtype=R.dtype).expand(2, 3, 3), atol=1e-12, rtol=0)
    torch.testing.assert_close(torch.linalg.det(R), torch.ones(2, dtype=R.dtype), atol=1e-12, rtol=0)
    assert (R - torch.eye(3)).abs().amax() > 1e-4, "a network that turns nothing tests nothing"


@pytest.mark.parametrize("decoder", ["rigid", "affine"])
def test_rotation_is_about_the_centre_of_the_region(grid, decoder):
    net = make(decoder=decoder)
    numbers = torch.randn(2, 6 if decoder == "rigid" else 12)
    numbers[:, -3:] = 0
    predicted = net.rigid.matrix(numbers, matrices(grid), SHAPE)
    centre = torch.tensor(np.append(grid.centre_mm, 1.0))
    torch.testing.assert_close(predicted @ centre, centre.expand(2, 4), atol=1e-9, rtol=0)


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_same_anatomy_moves_alike_in_another_file_orientation(decoder):
    """The same array placed in the world by another isometry gives the same motion, seen from there."""
    net = make(decoder=decoder)
    moving, fixed = pair(1)
    placed = homogeneous(np.diag([0.8, 1.3, 2.5]), [0, 0, 0])
    mirror = homogeneous(OBLIQUE @ np.diag([-1.0, 1, 1]), [-12, 400, 3.0])
    here = net(moving, fixed, torch.tensor(placed)[None]).predicted
    there = net(moving, fixed, torch.tensor(mirror @ placed)[None]).predicted
    torch.testing.assert_close(there, torch.tensor(mirror) @ here @ torch.tensor(np.linalg.inv(mirror)))


def test_translation_is_in_millimetres_along_the_voxel_axes(grid):
    numbers = torch.zeros(1, 6)
    numbers[0, 3] = 1.0
    predicted = make().rigid.matrix(numbers, matrices(grid, 1), SHAPE)[0]
    direction = grid.world_from_voxel[:3, 0] / grid.spacing_mm[0]
    np.testing.assert_allclose(predicted[:3, 3].numpy(), 10 * direction, atol=1e-9)


def test_equal_images_have_equal_keypoints(grid):
    moving, _ = pair()
    net = make(decoder="keypoints")
    keypoints = net.raw(moving, moving, matrices(grid)).rigid
    assert keypoints.shape == (2, 8, 7)
    torch.testing.assert_close(keypoints[..., :3], keypoints[..., 3:6], atol=0, rtol=0)
    eye = torch.eye(4, dtype=torch.float64).expand(2, 4, 4)
    torch.testing.assert_close(net(moving, moving, matrices(grid)).predicted, eye, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("mode", "encoder", "decoder"), list(product(("rigid", "both"), ENCODERS, DECODERS)))
def test_all_parameters_get_finite_gradients(mode, encoder, decoder):
    net = make(mode, encoder, decoder)
    grid = Grid(SHAPE, homogeneous(AXES["anisotropic"], [0.0, 0.0, 0.0]))
    output = net(*pair(), matrices(grid))
    weights = torch.randn(4, 4, dtype=torch.float64)
    loss = (output.predicted * weights).sum()
    if output.displacement is not None:
        loss = loss + output.displacement.square().sum()
    loss.backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    assert sum(bool(p.grad.any()) for p in net.parameters()) > 0.8 * len(list(net.parameters()))


def test_batch_equals_loop(grid):
    net = make("both")
    moving, fixed = pair()
    both = net(moving, fixed, matrices(grid))
    for b in range(2):
        one = net(moving[b : b + 1], fixed[b : b + 1], matrices(grid, 1))
        torch.testing.assert_close(both.predicted[b : b + 1], one.predicted, atol=1e-4, rtol=1e-5)
        torch.testing.assert_close(both.displacement[b : b + 1], one.displacement, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_checkpointing_changes_no_gradient(encoder):
    gradients = []
    grid = Grid(SHAPE, homogeneous(AXES["anisotropic"], [0.0, 0.0, 0.0]))
    for recompute in (False, True):
        torch.manual_seed(0)
        settings = ENCODERS[encoder]
        settings = type(settings)(**{**vars(settings), "checkpoint": recompute})
        net = RegistrationNet(RegistrationNetSettings(encoder=settings, rigid=DECODERS["rigid"]))
        torch.nn.init.ones_(net.rigid.head.out.weight)
        net(*pair(), matrices(grid)).predicted.sum().backward()
        gradients.append([p.grad for p in net.parameters()])
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("decoder", DECODERS)
def test_runs_under_autocast_and_in_double(decoder):
    grid = Grid(SHAPE, homogeneous(AXES["oblique"], [0.0, 0.0, 0.0]))
    net = make("both", decoder=decoder)
    moving, fixed = pair()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = net(moving, fixed, matrices(grid))
    assert output.predicted.dtype == torch.float64
    assert output.displacement.dtype == torch.float32
    R = output.predicted[:, :3, :3]
    torch.testing.assert_close(R @ R.mT, torch.eye(3, dtype=R.dtype).expand(2, 3, 3), atol=1e-12, rtol=0)
    double = net.double()(moving.double(), fixed.double(), matrices(grid))
    assert double.displacement.dtype == torch.float64


@pytest.mark.parametrize("decoder", DECODERS)
def test_one_batch_is_learned_by_comparing_images_alone(decoder):
    """The training signal: warp the moving image through the prediction, compare, and the pose comes out."""
    shape, grid = (16, 14, 12), Grid((16, 14, 12), homogeneous(np.diag([-2.0, 2.5, 3.0]), [50, -20, 10]))
    W = torch.tensor(grid.world_from_voxel)[None]
    places = {"moving_world_from_voxel": W, "fixed_world_from_voxel": W, "fixed_shape": shape, "padding": "border"}
    x = world_points(W, shape) - torch.tensor(grid.centre_mm)[:, None, None, None]
    moving = torch.exp(-(x / torch.tensor([8.0, 12.0, 6.0])[:, None, None, None]).square().sum(1, keepdim=True)).float()
    true = torch.tensor(RigidTransform.from_vectors([0.1, 0, 0.1], [3, -2, 2.5], centre_mm=grid.centre_mm).matrix)[None]
    fixed = warp(moving, moving_from_fixed=true, **places).image
    net = make(decoder=decoder, trained=False)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(80):
        optimiser.zero_grad()
        predicted = net(moving, fixed, W).predicted
        mse_loss(fixed, warp(moving, moving_from_fixed=predicted, **places).image).sum().backward()
        optimiser.step()
    before = identity_penalty(true, W, shape).sqrt().item()
    after = identity_penalty(torch.linalg.inv(true) @ predicted.detach(), W, shape).sqrt().item()
    assert after < 0.5 * before, f"from {before:.2f} to {after:.2f} mm"


def test_published_sizes():
    head = RigidDecoderSettings(width=0, hidden=0, moments=False)
    net = RegistrationNet(RegistrationNetSettings("both", DilatedEncoderSettings(), head))
    assert net.encoder.channels == (290,)
    assert sum(p.numel() for p in net.rigid.parameters()) == 6 * 290 + 6
    assert [m.out_channels for m in net.deformable.convolutions if hasattr(m, "out_channels")] == [128, 64, 32, 32, 32]


def test_wrong_input_is_an_error(grid):
    net = make()
    moving, fixed = pair()
    with pytest.raises(InputError, match="expected moving and fixed of one shape"):
        net(moving[:, :, 1:], fixed, matrices(grid))
    with pytest.raises(InputError, match="expected world_from_voxel of shape"):
        net(moving, fixed, matrices(grid)[0])
    with pytest.raises(InputError, match="expected a region of at least"):
        net(moving[:, :, :3], fixed[:, :, :3], matrices(grid))
    with pytest.raises(SettingsError, match="expected mode to be one of"):
        RegistrationNetSettings(mode="affine")
    with pytest.raises(SettingsError, match="expected as many dilations"):
        DilatedEncoderSettings((1, 2), (1,))
