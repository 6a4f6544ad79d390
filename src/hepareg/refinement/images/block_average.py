"""Coarser copies of a CT, averaged block by block: cheap, free of aliasing, without interpolation."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hepareg.geometry import Grid
from hepareg.transforms import RigidTransform
from hepareg.transforms.block_average import average_blocks
from hepareg.volume import Volume

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
