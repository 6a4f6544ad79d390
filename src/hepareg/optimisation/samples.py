"""Sample points of the fixed image, grouped in small cubic cells, and the moving image that they are compared with."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hepareg.geometry import Grid
from hepareg.geometry.differences import spatial_gradient
from hepareg.optimisation.block_average import GridImage
from hepareg.transforms.warp import sample_points

__all__ = ["CellSamples", "MovingFeatures", "SampledMoving", "cell_samples", "moving_features"]


@dataclass(frozen=True, eq=False)
class CellSamples:
    """Voxels of the fixed image, a row of V neighbours for each of N cells.

    Parameters
    ----------
    values
        (N, V) fixed intensities, float32.
    weights
        (N, V) in [0, 1]: 0 outside the region of interest.
    offsets_mm
        (N, V, 3) world position less ``centre_mm``, float32: small numbers keep their precision.
    centre_mm
        (3,) point about which rotations turn, float64.
    """

    values: Tensor
    weights: Tensor
    offsets_mm: Tensor
    centre_mm: NDArray[np.floating]

    @property
    def num_samples(self) -> int:
        """Number of voxels with a positive weight."""
        return int((self.weights > 0).sum())


@dataclass(frozen=True, eq=False)
class MovingFeatures:
    """Channels of the moving image with their world gradients, ready to be sampled.

    Parameters
    ----------
    stack
        (1, 4 C, I, J, K): C channels, then their x, y and z derivatives per mm (C-major).
    grid
        Its grid.
    """

    stack: Tensor
    grid: Grid

    def sample(self, matrices: NDArray[np.floating], samples: CellSamples) -> "SampledMoving":
        """Sample channels and gradients where each of (B, 4, 4) moving_from_fixed matrices takes the samples."""
        device = samples.offsets_mm.device
        M = torch.as_tensor(np.array(matrices, dtype=np.float64), device=device)  # a copy: poses are read-only
        centre = torch.as_tensor(samples.centre_mm, device=device, dtype=torch.float64)
        shift = (M[:, :3, :3] @ centre + M[:, :3, 3])[:, None]
        points = samples.offsets_mm.reshape(1, -1, 3).double() @ M[:, :3, :3].transpose(1, 2) + shift
        found = sample_points(
            self.stack, points.reshape(1, -1, 3), world_from_voxel=self.grid.world_from_voxel, padding="border"
        )
        shape = (len(M), *samples.values.shape)
        channels = self.stack.shape[1] // 4
        # (4 C, B N V) -> values (C, B, N, V) and gradients (C, B, N, V, 3), turned into the fixed world: R' g.
        image = found.image[0].reshape(4 * channels, *shape)
        gradient = image[channels:].reshape(channels, 3, *shape)
        turned = torch.einsum("cabnv,baf->cbnvf", gradient, M[:, :3, :3].to(image.dtype))
        return SampledMoving(image[:channels], turned, found.valid[0, 0].reshape(shape))


@dataclass(frozen=True, eq=False)
class SampledMoving:
    """Values (C, B, N, V), their gradients along the fixed world's axes (C, B, N, V, 3), and validity (B, N, V)."""

    values: Tensor
    gradients: Tensor
    valid: Tensor


def moving_features(channels: Tensor, grid: Grid) -> MovingFeatures:
    """Return (C, I, J, K) channels with their world gradients."""
    matrix = torch.tensor(grid.world_from_voxel, device=channels.device)
    gradient = spatial_gradient(channels[None], matrix)[0]
    stack = torch.cat([channels, gradient.reshape(-1, *channels.shape[1:])])
    return MovingFeatures(stack[None], grid)


def cell_samples(
    fixed: GridImage,
    *,
    distance: GridImage,
    margin_mm: float,
    centre_mm: NDArray[np.floating],
    cell_vox: int = 3,
    max_samples: int = 110_000,
) -> CellSamples:
    """Cut the region of interest into cells of ``cell_vox`` voxels cubed and keep those that vary most.

    A cell without structure says nothing about the pose; leaving it out changes the answer less
    than the noise does, and most of the liver is without structure.

    Parameters
    ----------
    fixed
        Fixed image at the level's resolution.
    distance
        Distance to the region's mask in mm, 0 inside; may be on a coarser grid.
    margin_mm
        Voxels up to this far outside the mask belong to the region: its boundary is information.
    centre_mm
        (3,) rotation centre.
    cell_vox, max_samples
        Edge of a cell in voxels; most samples to keep.
    """
    blocks = _fold(fixed.data, cell_vox)
    count = blocks.shape[:3]
    variance = blocks.flatten(3).var(dim=3, correction=0).flatten()
    spacing = fixed.grid.spacing_mm
    device = fixed.data.device
    corner = torch.cartesian_prod(*(torch.arange(n, device=device) * cell_vox for n in count)).reshape(-1, 3)
    near = _distance_at(fixed, distance, corner + (cell_vox - 1) / 2)
    eligible = near <= margin_mm + 0.5 * cell_vox * float(np.linalg.norm(spacing)) / np.sqrt(3)
    score = torch.where(eligible, variance, -1.0)
    keep = min(int(eligible.sum()), max_samples // cell_vox**3)
    chosen = score.topk(keep).indices.sort().values
    inner = torch.cartesian_prod(*(torch.arange(cell_vox, device=device),) * 3)
    voxels = corner[chosen][:, None] + inner
    weights = (_distance_at(fixed, distance, voxels.reshape(-1, 3)) <= margin_mm).float().reshape(voxels.shape[:2])
    matrix = torch.tensor(fixed.grid.world_from_voxel, device=device)
    offset = matrix[:3, 3] - torch.as_tensor(np.asarray(centre_mm), device=device)
    offsets = voxels.double() @ matrix[:3, :3].T + offset
    values = blocks.flatten(3).flatten(0, 2)[chosen]
    return CellSamples(values, weights, offsets.float(), np.asarray(centre_mm, dtype=np.float64))


def _fold(image: Tensor, cell: int) -> Tensor:
    """Return (I/c, J/c, K/c, c, c, c) blocks of an (I, J, K) tensor, padded at the far ends by its border values."""
    padding = [(-n) % cell for n in image.shape]
    if any(padding):
        image = functional.pad(image[None, None], (0, padding[2], 0, padding[1], 0, padding[0]), mode="replicate")[0, 0]
    i, j, k = (n // cell for n in image.shape)
    return image.reshape(i, cell, j, cell, k, cell).permute(0, 2, 4, 1, 3, 5)


def _distance_at(fixed: GridImage, distance: GridImage, voxels: Tensor) -> Tensor:
    """Return the distance to the mask at (N, 3) voxel positions of the fixed level; infinite outside its grid."""
    matrix = torch.tensor(fixed.grid.world_from_voxel, device=voxels.device)
    points = voxels.double() @ matrix[:3, :3].T + matrix[:3, 3]
    inside = (voxels <= torch.tensor(fixed.data.shape, device=voxels.device) - 1).all(dim=1)
    found = sample_points(
        distance.data[None, None], points[None], world_from_voxel=distance.grid.world_from_voxel, padding="border"
    )
    return torch.where(inside, found.image[0, 0], torch.inf)
