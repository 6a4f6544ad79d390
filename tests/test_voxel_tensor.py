"""Voxels between NumPy and torch: the same numbers, and the same memory where that is possible."""

import numpy as np
import pytest
import torch

from hepareg.geometry import Grid
from hepareg.volume import Volume
from hepareg.voxel_tensor import on_device, small_tensor, voxel_array, voxel_tensor

CPU = torch.device("cpu")


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "float32", "float64"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_memory_is_shared(dtype, order):
    voxels = np.asarray(np.arange(24).reshape(2, 3, 4) % 5, dtype=dtype, order=order)
    tensor = voxel_tensor(voxels)
    assert np.shares_memory(tensor.numpy(), voxels)
    assert np.array_equal(tensor.numpy(), voxels)
    assert tensor.stride() == tuple(n // voxels.itemsize for n in voxels.strides)


@pytest.mark.parametrize("dtype", ["<i2", ">i2", ">f4", "uint16", "uint32"])
def test_dtypes_that_torch_lacks_are_converted(dtype):
    voxels = np.array([[[0, 1, 40_000 if dtype.startswith("u") else 1000]]], dtype=dtype)
    tensor = voxel_tensor(voxels[:, :, ::-1])
    assert tensor.tolist() == voxels[:, :, ::-1].tolist()
    assert tensor.dtype is (torch.int32 if dtype.startswith("u") else voxel_tensor(np.zeros(1, dtype[1:])).dtype)


def test_read_only_voxels_give_no_warning(recwarn):
    voxels = np.zeros((2, 2, 2), np.int16)
    voxels.setflags(write=False)
    voxel_tensor(voxels)
    assert not recwarn.list


def test_tensors_pass_and_come_back():
    tensor = torch.arange(8).reshape(2, 2, 2)
    assert voxel_tensor(tensor) is tensor
    assert np.shares_memory(voxel_array(tensor), tensor.numpy())
    assert small_tensor(np.arange(3), CPU, torch.float32).tolist() == [0, 1, 2]


def test_a_volume_on_the_cpu_holds_an_array():
    grid = Grid((2, 2, 2), np.eye(4))
    volume = Volume(np.zeros((2, 2, 2)), grid)
    assert on_device(volume, CPU) is volume
    back = on_device(Volume(torch.ones(2, 2, 2), grid), CPU)
    assert isinstance(back.data, np.ndarray)
    assert back.data.sum() == 8
