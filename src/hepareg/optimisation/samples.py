"""Sample points of the fixed image, grouped in small cubic cells, and the moving image that they are compared with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hepareg.geometry import Grid
from hepareg.optimisation.block_average import GridImage
from hepareg.transforms.trilinear import trilinear_corners
from hepareg.transforms.warp import sample_points

__all__ = ["CellSamples", "MovingFeatures", "SampledMoving", "cell_samples", "moving_features"]

SURFACE_MM = 2.5
"""Width of the step at the mask's surface: about what an edge has in a slice, and what a mask's outline is known to."""


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
        (N, V, 3) world position less ``centre_mm``, float32: small numbers keep their precision. In
        memory x, y and z lie apart, as the solver reads them.
    centre_mm
        (3,) point about which rotations turn, float64.
    surface
        (N, V) step at the mask's surface, 0 inside and 1 outside, or None where it is not looked at: see `LocalAffine`.
    """

    values: Tensor
    weights: Tensor
    offsets_mm: Tensor
    centre_mm: NDArray[np.floating]
    surface: Tensor | None = None

    @property
    def num_samples(self) -> int:
        """Number of voxels with a positive weight."""
        return int((self.weights > 0).sum())


@dataclass(frozen=True, eq=False)
class MovingFeatures:
    """Channels of the moving image with their differences between voxels, ready to be sampled.

    Parameters
    ----------
    table
        (I J K, 4 C): a row for each voxel with C values, then their differences along i, j and k
        per voxel. All that a sample needs of a voxel lies side by side in memory.
    grid
        Its grid.
    """

    table: Tensor
    grid: Grid

    def sample(self, matrices: NDArray[np.floating], samples: CellSamples) -> "SampledMoving":
        """Sample channels and gradients where each of (B, 4, 4) moving_from_fixed matrices takes the samples."""
        places = self.voxel_from_offset(matrices, samples)
        found, valid = self._read(places, samples)
        # In voxel units: the chain rule turns them into derivatives along the fixed world's axes.
        gradients = torch.einsum("acbp,baf->fcbp", found[1:], places[..., :3])
        shape = valid.shape
        return SampledMoving(found[0].reshape(-1, *shape), gradients.reshape(3, -1, *shape), valid)

    def values(self, matrices: NDArray[np.floating], samples: CellSamples) -> tuple[Tensor, Tensor]:
        """Return what `sample` does less the gradients: values (C, B, N, V) and validity (B, N, V)."""
        found, valid = self._read(self.voxel_from_offset(matrices, samples), samples)
        return found[0].reshape(-1, *valid.shape), valid

    def voxel_from_offset(self, matrices: NDArray[np.floating], samples: CellSamples) -> Tensor:
        """Return (B, 3, 4) from offsets in mm to voxels; composed in float64, so that a large offset costs nothing."""
        matrices = np.asarray(matrices, dtype=np.float64)
        centre = matrices[:, :3, :3] @ samples.centre_mm + matrices[:, :3, 3]
        linear = self.grid.voxel_from_world[:3, :3] @ matrices[:, :3, :3]
        found = np.concatenate([linear, self.grid.voxel_points(centre)[..., None]], axis=-1)
        return torch.from_numpy(found).to(self.table.dtype).to(self.table.device)  # converted before it travels

    def _read(self, voxel_from_offset: Tensor, samples: CellSamples) -> tuple[Tensor, Tensor]:
        """Return the interpolated rows of the table (4, C, B, N V), and validity (B, N, V)."""
        offsets = samples.offsets_mm.permute(2, 0, 1).reshape(3, -1)
        linear, origin = voxel_from_offset[..., :3], voxel_from_offset[..., 3]
        positions = (linear.reshape(-1, 3) @ offsets).reshape(len(linear), 3, -1).transpose(0, 1)
        rows, weights, valid = trilinear_corners(positions + origin.T[..., None], self.grid.shape)
        found = functional.embedding_bag(rows, self.table, per_sample_weights=weights, mode="sum")
        found = found.reshape(len(valid), -1, 4, self.table.shape[1] // 4).permute(2, 3, 0, 1)
        return found, valid.reshape(-1, *samples.values.shape)


@dataclass(frozen=True, eq=False)
class SampledMoving:
    """Values (C, B, N, V), their gradients along the fixed world's axes (3, C, B, N, V), and validity (B, N, V)."""

    values: Tensor
    gradients: Tensor
    valid: Tensor


def moving_features(channels: Tensor, grid: Grid) -> MovingFeatures:
    """Return (C, I, J, K) channels with their differences between voxels: central inside, one-sided at the border."""
    table = channels.new_zeros(*channels.shape[1:], 4, len(channels))
    table[..., 0, :] = channels.permute(1, 2, 3, 0)
    for axis in range(3):
        _write_differences(channels, axis + 1, table[..., axis + 1, :].permute(3, 0, 1, 2))
    return MovingFeatures(table.reshape(-1, 4 * len(channels)), grid)


def _write_differences(image: Tensor, axis: int, out: Tensor) -> None:
    """Write a tensor's differences along one axis into another of any strides, without a copy in between."""
    size = image.shape[axis]
    if size == 1:
        return
    torch.sub(image.narrow(axis, 1, 1), image.narrow(axis, 0, 1), out=out.narrow(axis, 0, 1))
    torch.sub(image.narrow(axis, size - 1, 1), image.narrow(axis, size - 2, 1), out=out.narrow(axis, size - 1, 1))
    inside = out.narrow(axis, 1, size - 2)
    torch.sub(image.narrow(axis, 2, size - 2), image.narrow(axis, 0, size - 2), out=inside).mul_(0.5)


def cell_samples(
    fixed: GridImage,
    *,
    distance: GridImage,
    margin_mm: float,
    centre_mm: NDArray[np.floating],
    cell_vox: int = 3,
    max_samples: int = 110_000,
    with_surface: bool = False,
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
    with_surface
        Whether the samples carry the step at the mask's surface.
    """
    lead = [first % cell_vox for first in fixed.first_vox]
    blocks = _fold(fixed.data, cell_vox, lead=lead)
    count = blocks.shape[:3]
    variance = blocks.flatten(3).var(dim=3, correction=0).flatten()
    spacing = fixed.grid.spacing_mm
    device = fixed.data.device
    corner = torch.cartesian_prod(*(torch.arange(n, device=device) * cell_vox for n in count)).reshape(-1, 3)
    corner = corner - torch.tensor(lead, device=device)
    near = _distance_at(fixed, distance, corner + (cell_vox - 1) / 2)
    eligible = near <= margin_mm + 0.5 * cell_vox * float(np.linalg.norm(spacing)) / np.sqrt(3)
    score = torch.where(eligible, variance, -1.0)
    keep = min(int(eligible.sum()), max_samples // cell_vox**3)
    chosen = score.topk(keep).indices.sort().values
    inner = torch.cartesian_prod(*(torch.arange(cell_vox, device=device),) * 3)
    voxels = corner[chosen][:, None] + inner
    apart = _distance_at(fixed, distance, voxels.reshape(-1, 3)).reshape(voxels.shape[:2])
    weights, surface = (apart <= margin_mm).float(), (apart / SURFACE_MM).clamp(max=1).float() if with_surface else None
    matrix = torch.tensor(fixed.grid.world_from_voxel, device=device)
    offset = matrix[:3, 3] - torch.as_tensor(np.asarray(centre_mm), device=device)
    offsets = voxels.double() @ matrix[:3, :3].T + offset
    values = blocks.flatten(3).flatten(0, 2)[chosen]
    offsets = offsets.permute(2, 0, 1).contiguous().float().permute(1, 2, 0)
    return CellSamples(values, weights, offsets, np.asarray(centre_mm, dtype=np.float64), surface)


def _fold(image: Tensor, cell: int, *, lead: Sequence[int]) -> Tensor:
    """Return (I/c, J/c, K/c, c, c, c) blocks of an (I, J, K) tensor, padded by its border values.

    By ``lead`` voxels at the near ends, and at the far ends to whole cells.
    """
    ends = [(a, -(n + a) % cell) for n, a in zip(image.shape, lead, strict=True)]
    padding = [edge for end in reversed(ends) for edge in end]
    if any(padding):
        image = functional.pad(image[None, None], padding, mode="replicate")[0, 0]
    i, j, k = (n // cell for n in image.shape)
    return image.reshape(i, cell, j, cell, k, cell).permute(0, 2, 4, 1, 3, 5)


def _distance_at(fixed: GridImage, distance: GridImage, voxels: Tensor) -> Tensor:
    """Return the distance to the mask at (N, 3) voxel positions of the fixed level; infinite outside its grid."""
    inside = ((voxels >= 0) & (voxels <= torch.tensor(fixed.data.shape, device=voxels.device) - 1)).all(dim=1)
    placed = fixed.grid.voxel_from_world @ distance.grid.world_from_voxel  # the fixed voxels stand for the world
    found = sample_points(distance.data[None, None], voxels[None], world_from_voxel=placed, padding="border")
    return torch.where(inside, found.image[0, 0], torch.inf)
