"""Coarser copies of a CT, averaged block by block: cheap, free of aliasing, without interpolation."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hepareg.arrays import Points
from hepareg.geometry import Grid, apply_matrix
from hepareg.transforms import RigidTransform
from hepareg.transforms.block_average import average_blocks
from hepareg.transforms.warp import sampler_from_voxel, values_at
from hepareg.volume import Volume
from hepareg.voxel_tensor import small_tensor

__all__ = ["GridImage", "block_average", "block_factors"]


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
        Number of the first voxel along i, j and k, 0 or more, in a numbering that does not depend on how the image was
        cropped (`Region.origin_vox`). Cells of c voxels begin at the voxels whose number is a multiple of c, so that a
        cropped image has the cells of the whole one.
    """

    data: Tensor
    grid: Grid
    first_vox: tuple[int, ...] = (0, 0, 0)

    def move(self, transform: RigidTransform) -> "GridImage":
        """Return the image moved by a transform of its world: the grid moves, the voxel values stay."""
        return replace(self, grid=Grid(self.grid.shape, transform.matrix @ self.grid.world_from_voxel))

    def sampler_positions(self, points_mm: Points) -> Points:
        """Return the sampler's positions of (..., 3) world points: within [-1, 1] along each axis inside the image."""
        return apply_matrix(sampler_from_voxel(self.data.shape) @ self.grid.voxel_from_world, points_mm)

    def values_at(self, positions: Points) -> NDArray[np.float32]:
        """Return the interpolated values at (N, 3) positions of the sampler, on the host."""
        places = small_tensor(positions, self.data.device, torch.float32)[None, :, None, None]
        return values_at(self.data[None, None], places).flatten().cpu().numpy()


def block_factors(grid: Grid, spacing_mm: float | NDArray[np.floating]) -> NDArray[np.int_]:
    """Return how many voxels along i, j, k make a block nearest to ``spacing_mm``; 1 if voxels are already larger."""
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
        Device of the result. The voxels travel in their stored dtype and are converted there.

    Returns
    -------
    GridImage
        Block centres are voxel centres of the new grid: world positions are exact.
    """
    return GridImage(*average_blocks(volume, factors, window=window, device=device))
