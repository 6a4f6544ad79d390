"""Voxels between NumPy and torch: without a copy where both can read the memory, and to a device and back."""

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
    """Return voxels as a tensor of the same strides; a view of the caller's memory where torch can read it.

    uint16 and wider unsigned integers become int32.
    """
    if isinstance(voxels, Tensor):
        return voxels
    readable = torch_readable(voxels)
    if min(readable.strides, default=0) < 0:
        readable = readable.copy(order="K")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of memory that is read-only: nobody writes to a volume's voxels
        return torch.from_numpy(readable)


def torch_readable(voxels: VoxelArray) -> VoxelArray:
    """Return an array's voxels in the machine's byte order and in a dtype that torch has."""
    if voxels.dtype.kind == "u" and voxels.dtype.itemsize > 1:
        return voxels.astype(np.int32)
    return voxels.astype(voxels.dtype.newbyteorder("="), copy=False)


def voxel_array(voxels: VoxelArray | Tensor) -> NDArray:
    """Return voxels as a NumPy array in the machine's memory: a view, or a copy of what is on a device."""
    return voxels.cpu().numpy() if isinstance(voxels, Tensor) else voxels


def small_tensor(values: NDArray, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """Return a few numbers as a tensor on a device, which goes on with its work meanwhile.

    A device has taken its copy of so few when this returns; on the CPU the numbers may be the caller's own.
    """
    return torch.from_numpy(values).to(dtype).to(device, non_blocking=True)


def on_device(volume: Volume, device: torch.device) -> Volume:
    """Return a volume for work on a device: voxels as a tensor there, or as an array for the CPU.

    What is there already is not copied.
    """
    if device.type == "cpu":
        return volume.with_data(voxel_array(volume.data)) if isinstance(volume.data, Tensor) else volume
    tensor = voxel_tensor(volume.data).to(device)
    return volume.with_data(cast(VoxelArray, tensor))
