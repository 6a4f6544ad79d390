"""Coarser copies of a CT, averaged block by block: cheap, free of aliasing, without interpolation."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hepareg.arrays import slowest_first
from hepareg.geometry import Grid
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume
from hepareg.voxel_tensor import voxel_tensor

__all__ = ["GridImage", "block_average", "block_factors"]


SLAB_VOXELS, DEVICE_SLAB_VOXELS = 1 << 18, 1 << 25
"""Voxels averaged together, on the processor and on a device: they change the speed, not the result."""


@dataclass(frozen=True, eq=False)
class GridImage:
    """An image at the resolution of a level.

    Parameters
    ----------
    data
        (I, J, K) float32 on a device.
    grid
        Its grid.
    first_vox
        Index of the first voxel along each axis, counted from a point beyond the image's border. Cells
        begin at multiples of their edge in this count, so that a cropped image has the cells of the whole one.
    """

    data: Tensor
    grid: Grid
    first_vox: tuple[int, ...] = (0, 0, 0)

    def move(self, transform: RigidTransform) -> "GridImage":
        """Return the image moved by a transform of its world: the grid moves, the voxel values stay."""
        return replace(self, grid=Grid(self.grid.shape, transform.matrix @ self.grid.world_from_voxel))


def block_factors(grid: Grid, spacing_mm: float | NDArray[np.floating]) -> NDArray[np.int_]:
    """Return how many voxels along i, j, k make a block nearest to ``spacing_mm``; 1 where already coarser."""
    ratio = np.asarray(spacing_mm, dtype=np.float64) / grid.spacing_mm
    return np.clip(np.floor(ratio + 0.5).astype(int), 1, grid.shape)


def block_average(
    volume: Volume, factors: NDArray[np.int_], *, window: tuple[float, float], device: torch.device
) -> GridImage:
    """Average blocks of voxels after clamping to an intensity window.

    Parameters
    ----------
    volume
        Image or, with window (0, 1), a mask; any real dtype. Crop it first.
    factors
        (3,) voxels per block. Voxels that fill no whole block at the far ends are left out.
    window
        Values are clamped to this range before they are averaged, so that metal, bone and the
        padding outside the scanned circle do not dominate a block.
    device
        Where the result lives. The voxels travel in their stored dtype and are converted there.

    Returns
    -------
    GridImage
        Block centres are voxel centres of the new grid: world positions are exact.
    """
    count = np.array(volume.shape) // factors
    used = tuple(slice(0, int(n)) for n in count * factors)
    voxels = voxel_tensor(volume.data[used])
    # The slowest axis in memory goes first: reading against the memory order would cost more than all the rest.
    order = slowest_first(voxels.stride())
    data = _average_blocks(voxels.permute(order), [int(factors[axis]) for axis in order], window, device)
    matrix = volume.grid.world_from_voxel.copy()
    matrix[:3, 3] = volume.grid.world_points((factors - 1) / 2)
    matrix[:3, :3] = matrix[:3, :3] * factors
    back = tuple(int(axis) for axis in np.argsort(order))
    return GridImage(data.permute(back).contiguous(), Grid(tuple(count), matrix))


def _average_blocks(voxels: Tensor, kernel: list[int], window: tuple[float, float], device: torch.device) -> Tensor:
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
