"""Volumes as tensors: what runs on a device, here on the CPU."""

import numpy as np
import pytest
import torch

from hepareg.errors import ImageError, MaskError
from hepareg.registration import register
from hepareg.voxel_tensor import on_device, voxel_array, voxel_tensor

MASKS = [("moving_mask", "fixed_mask"), ("fixed_mask",), ("moving_mask",), ()]


def as_tensor(volume, device):
    return volume.with_data(voxel_tensor(volume.data).to(device))


@pytest.fixture
def in_tensors(monkeypatch):
    """Let the registration keep tensors, as it does on a device."""
    monkeypatch.setattr("hepareg.registration.images.on_device", as_tensor)


@pytest.mark.parametrize("masks", MASKS, ids=lambda masks: "+".join(masks) or "no mask")
def test_tensors_give_what_arrays_give(pair, masks, monkeypatch):
    images = {name: pair[0][name] for name in ("moving", "fixed", *masks)}
    expected = register(**images)
    monkeypatch.setattr("hepareg.registration.images.on_device", as_tensor)
    found = register(**images)
    corners = images["fixed"].grid.corners_mm
    assert np.abs(found.transform.apply(corners) - expected.transform.apply(corners)).max() < 1e-4
    assert found.verdict.decision is expected.verdict.decision
    assert found.verdict.reasons == expected.verdict.reasons
    for name, value in expected.verdict.evidence.items():
        assert found.verdict.evidence[name] == pytest.approx(value, rel=1e-3, abs=1e-4, nan_ok=True), name


def test_a_tensor_and_its_matrix_in_place_of_a_volume(pair):
    images = pair[0]
    tensors = {name: (voxel_tensor(v.data), v.grid.world_from_voxel) for name, v in images.items()}
    assert (register(**tensors).transform.matrix == register(**images).transform.matrix).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda mask: mask * 0, "empty"),
        (lambda mask: mask.short() * 300 - 100, "values from -100"),
        (lambda mask: mask.float() * 0.5, "fractions"),
        (lambda mask: mask.byte() + mask.byte().roll(1, 0), "several|labels 1, 2"),
    ],
)
def test_masks_are_looked_at_on_the_device_too(pair, in_tensors, change, message):
    images = pair[0]
    mask = images["fixed_mask"]
    wrong = (change(voxel_tensor(mask.data)), mask.grid.world_from_voxel)
    with pytest.raises(MaskError, match=message):
        register(**{**images, "fixed_mask": wrong})


def test_a_flipped_mask_is_reordered(pair, in_tensors):
    images = pair[0]
    mask = images["fixed_mask"]
    flipped = mask.grid.world_from_voxel @ np.diag([-1.0, 1, 1, 1])
    flipped[:3, 3] = mask.grid.world_points([mask.shape[0] - 1, 0, 0])
    found = register(**{**images, "fixed_mask": (voxel_tensor(mask.data).flip(0), flipped)})
    assert np.abs(found.transform.matrix - register(**images).transform.matrix).max() < 1e-6


def test_voxels_share_memory_where_torch_can_read_it():
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4).transpose(2, 0, 1)
    tensor = voxel_tensor(voxels)
    assert tensor.data_ptr() == voxels.ctypes.data
    assert voxel_array(tensor).strides == voxels.strides


@pytest.mark.parametrize("dtype", ["uint16", "uint32", ">i2", ">f4", "bool", "float64"])
def test_any_dtype_and_order(dtype):
    voxels = (np.arange(24).reshape(2, 3, 4) % 7).astype(dtype)[::-1]
    voxels.setflags(write=False)
    assert (voxel_tensor(voxels).numpy() == voxels).all()


def test_on_device_copies_nothing_that_is_there(pair):
    volume = pair[0]["fixed"]
    assert on_device(volume, torch.device("cpu")) is volume


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.float().requires_grad_(),
        lambda t: t.double(),
        lambda t: t[..., None],
        lambda t: t.to(torch.int32),
    ],
)
def test_tensors_of_other_kinds_are_brought_to_one(pair, change):
    images = pair[0]
    fixed = images["fixed"]
    matrix = torch.from_numpy(fixed.grid.world_from_voxel.copy())
    found = register(**{**images, "fixed": (change(voxel_tensor(fixed.data)), matrix)})
    assert np.abs(found.transform.matrix - register(**images).transform.matrix).max() < 1e-6


@pytest.mark.parametrize("change", [lambda t: t.to(torch.complex64), lambda t: t[0], lambda t: t.to_sparse()])
def test_tensors_that_are_no_image(pair, change):
    images = pair[0]
    wrong = (change(voxel_tensor(images["fixed"].data)), images["fixed"].grid.world_from_voxel)
    with pytest.raises(ImageError, match="real numbers on three axes"):
        register(**{**images, "fixed": wrong})
