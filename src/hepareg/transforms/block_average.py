"""Averages over blocks of voxels: the fastest way to a coarser image, without aliasing and without interpolation."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hepareg.arrays import slowest_first
from hepareg.geometry import Grid
from hepareg.volume import Volume
from hepareg.voxel_tensor import voxel_tensor

__all__ = ["average_blocks"]

SLAB_VOXELS, DEVICE_SLAB_VOXELS = 1 << 18, 1 << 25
"""Voxels averaged together, on the processor and on a device: they change the speed, not the result."""


def average_blocks(
    volume: Volume, factors: NDArray[np.integer], *, window: tuple[float, float], device: torch.device
) -> tuple[Tensor, Grid]:
    """Return the means (I', J', K') float32 of blocks of voxels, clamped to an intensity window, and their grid.

    Parameters
    ----------
    volume
        Image or mask in any real dtype.
    factors
        (3,) voxels per block along i, j, k. Voxels that fill no whole block at the far ends are left out.
    window
        Lower and upper limit to which values are clamped before they are averaged; may be infinite.
    device
        Device of the result. The voxels travel in their stored dtype and are converted there.
    """
    count = np.array(volume.shape) // factors
    used = tuple(slice(0, int(n)) for n in count * factors)
    voxels = voxel_tensor(volume.data[used])
    # The slowest axis in memory goes first: reading against the memory order would cost more than all the rest.
    order = slowest_first(voxels.stride())
    data = _average_slabs(voxels.permute(order), [int(factors[axis]) for axis in order], window, device)
    matrix = volume.grid.world_from_voxel.copy()
    matrix[:3, 3] = volume.grid.world_points((factors - 1) / 2)
    matrix[:3, :3] = matrix[:3, :3] * factors
    back = tuple(int(axis) for axis in np.argsort(order))
    return data.permute(back).contiguous(), Grid(tuple(count), matrix)


def _average_slabs(voxels: Tensor, kernel: list[int], window: tuple[float, float], device: torch.device) -> Tensor:
    """Average some layers of blocks at a time, along whole rows of memory first and along the fastest axis last.

    A slab fits the processor's cache while the whole image does not; a device needs large slabs to be busy. Sums of
    integers are exact in any order and type, and 16 bits move half the bytes of 32.
    """
    layers, rows, columns = (size // edge for size, edge in zip(voxels.shape, kernel, strict=True))
    averages = torch.empty((layers, rows, columns), device=device)
    clamped = _clamp_to_int16 if _fits_int16(voxels, kernel[:2], window) else _clamp_to_float32
    narrow = _fits_int16(voxels, kernel, window)
    slab_voxels = SLAB_VOXELS if device.type == "cpu" else DEVICE_SLAB_VOXELS
    per_slab = max(1, slab_voxels // max(1, kernel[0] * voxels.shape[1] * voxels.shape[2]))
    for first in range(0, layers, per_slab):
        slab = clamped(voxels[first * kernel[0] : (first + per_slab) * kernel[0]], window, device)
        total = _sum_along(slab.reshape(-1, kernel[0], rows, kernel[1], columns * kernel[2]), 1)
        total = _sum_along(total, 2).reshape(-1, rows, columns, kernel[2])
        total = _sum_along(total if narrow else total.float(), 3)
        torch.div(total, math.prod(kernel), out=averages[first : first + per_slab])
    return averages


def _fits_int16(voxels: Tensor, kernel: list[int], window: tuple[float, float]) -> bool:
    """Return whether the sums over blocks of voxels are integers that fit into 16 bits."""
    whole = voxels.dtype in (torch.uint8, torch.int8, torch.int16) and all(float(edge).is_integer() for edge in window)
    return whole and math.prod(kernel) * max(map(abs, window)) <= torch.iinfo(torch.int16).max


def _clamp_to_int16(part: Tensor, window: tuple[float, float], device: torch.device) -> Tensor:
    return part.to(device).to(torch.int16).clamp(int(window[0]), int(window[1]))


def _clamp_to_float32(part: Tensor, window: tuple[float, float], device: torch.device) -> Tensor:
    # Up to the clamp, which allocates, the tensor may share the caller's memory and must not be written to.
    return part.contiguous().to(device).float().clamp(*window)


def _sum_along(values: Tensor, axis: int) -> Tensor:
    """Sum along a short axis by whole slices, several times faster than a reduction."""
    first, *others = values.unbind(axis)
    if not others:
        return first
    total = first + others[0]
    for other in others[1:]:
        total += other
    return total
