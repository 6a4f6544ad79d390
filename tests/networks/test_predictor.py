import numpy as np
import pytest
import torch

from hepareg.errors import FileFormatError
from hepareg.geometry import Grid
from hepareg.networks import RegistrationNet, RegistrationNetSettings, RigidDecoderSettings, StridedEncoderSettings
from hepareg.networks.predictor import predict_rigid
from hepareg.networks.weights import load_weights, save_weights
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

REGION = {"shape_vox": [16, 16, 16], "spacing_mm": 8.0, "window_hu": [-150.0, 350.0]}


@pytest.fixture
def net():
    torch.manual_seed(0)
    return RegistrationNet(
        RegistrationNetSettings(
            encoder=StridedEncoderSettings(channels=(4, 8)), rigid=RigidDecoderSettings(width=8, hidden=8)
        )
    )


@pytest.fixture
def images():
    """Moving is the fixed image, 20 mm further; masks of both; LPS-ordered grids of different spacing."""
    centre = np.array([-40.0, -150.0, 900.0])
    volumes = {}
    for side, shift, spacing in (("moving", 20.0, 3.0), ("fixed", 0.0, 4.0)):
        grid = Grid((50, 50, 50), np.diag([-spacing, -spacing, spacing, 1.0]))
        matrix = grid.world_from_voxel.copy()
        matrix[:3, 3] = centre - matrix[:3, :3] @ [24.5, 24.5, 24.5]
        grid = Grid((50, 50, 50), matrix)
        points = grid.world_points(np.moveaxis(np.indices(grid.shape), 0, -1))
        liver = np.linalg.norm((points - centre - [0, 0, shift]) / [1.3, 1, 0.8], axis=-1) < 35
        volumes[side] = Volume(np.where(liver, 90, -80).astype(np.int16), grid)
        volumes[f"{side}_mask"] = Volume(liver, grid)
    return volumes


def save(net, path):
    save_weights(net, path, preprocessing=REGION)
    return path


def test_an_untrained_network_returns_the_start(net, images, tmp_path):
    path = save(net, tmp_path / "weights.safetensors")
    joined = predict_rigid(path, **images)
    assert np.allclose(joined.translation_mm, [0, 0, 20], atol=0.5)
    start = RigidTransform.from_vectors([0.0, 0.1, 0.0], [1.0, 2.0, 3.0])
    given = predict_rigid(load_weights(path), start=start, **images)
    assert np.allclose(given.matrix, start.matrix, atol=1e-12)


def test_the_prediction_is_rigid_repeats_and_comes_after_the_start(net, images, tmp_path):
    for parameter in net.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    path = save(net, tmp_path / "weights.safetensors")
    one, again = predict_rigid(path, **images), predict_rigid(path, **images)
    one.certify()
    assert np.array_equal(one.matrix, again.matrix)
    assert not np.allclose(one.matrix, predict_rigid(save(RegistrationNet(net.settings), path), **images).matrix)


def test_voxel_order_and_spacing_of_the_files_make_no_difference(net, images, tmp_path):
    for parameter in net.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    path = save(net, tmp_path / "weights.safetensors")
    flipped = {}
    for name, volume in images.items():
        matrix = volume.grid.world_from_voxel @ np.diag([-1.0, 1, 1, 1])
        matrix[:3, 3] = volume.grid.world_points([volume.shape[0] - 1, 0, 0])
        flipped[name] = Volume(volume.data[::-1].copy(), Grid(volume.shape, matrix))
    # Blocks are averaged from the other end, so values differ by interpolation only.
    assert np.allclose(predict_rigid(path, **images).matrix, predict_rigid(path, **flipped).matrix, atol=0.5)


def test_weights_that_do_not_say_their_region_are_refused(net, images, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_weights(net, path, preprocessing={"spacing": 3})
    with pytest.raises(FileFormatError, match="which region"):
        predict_rigid(path, **images)
