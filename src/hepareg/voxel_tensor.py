"""Conversion of voxels between NumPy arrays and torch tensors, without a copy if both can use the memory."""

import warnings
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hepareg.arrays import VoxelArray
from hepareg.volume import Volume

__all__ = ["on_device", "small_tensor", "voxel_array", "voxel_tensor"]


def voxel_tensor(voxels: VoxelArray | Tensor) -> Tensor:
    """Return voxels as a tensor; it shares the caller's memory if torch can use that memory.

    Copied are arrays in another byte order, arrays with negative strides, and unsigned integers wider than 8 bits,
    which become int32.
    """
    if isinstance(voxels, Tensor):
        return voxels
    readable = torch_readable(voxels)
    if min(readable.strides, default=0) < 0:
        readable = readable.copy(order="K")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of read-only memory; nobody writes into a volume's voxels
        return torch.from_numpy(readable)


def torch_readable(voxels: VoxelArray) -> VoxelArray:
    """Return an array in the machine's byte order and in a dtype that torch supports."""
    if voxels.dtype.kind == "u" and voxels.dtype.itemsize > 1:
        return voxels.astype(np.int32)
    return voxels.astype(voxels.dtype.newbyteorder("="), copy=False)


def voxel_array(voxels: VoxelArray | Tensor) -> NDArray:
    """Return voxels as a NumPy array: the array itself, a view of a CPU tensor, or a copy from another device."""
    return voxels.cpu().numpy() if isinstance(voxels, Tensor) else voxels


def small_tensor(values: NDArray, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """Return a small array as a tensor on a device, without waiting for the device's running work.

    Another device has its own copy when this returns; on the CPU the tensor may share the array's memory.
    """
    return torch.from_numpy(values).to(dtype).to(device, non_blocking=True)


def on_device(volume: Volume, device: torch.device) -> Volume:
    """Return a volume with its voxels as a tensor on a device, or as a NumPy array for the CPU.

    Voxels that are on the device already are not copied.
    """
    if device.type == "cpu":
        return volume.with_data(voxel_array(volume.data)) if isinstance(volume.data, Tensor) else volume
    tensor = voxel_tensor(volume.data).to(device)
    return volume.with_data(cast(VoxelArray, tensor))
