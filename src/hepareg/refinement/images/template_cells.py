"""Voxels of the template in and around the liver, grouped in small cubic cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hepareg.arrays import Matrix, Points
from hepareg.refinement.images.block_average import GridImage
from hepareg.transforms.lattice import mapped_lattice
from hepareg.transforms.warp import sampler_from_voxel, values_at, within_faces
from hepareg.voxel_tensor import small_tensor

__all__ = ["CellSettings", "TemplateCells", "cut_cells", "sum_by_block"]


@dataclass(frozen=True)
class CellSettings:
    """Size and number of the cells.

    Parameters
    ----------
    edge_vox
        Edge of a cell in voxels; intensities are related within a cell.
    max_voxels
        Number of voxels in all cells together at most; the cells with the most structure are kept.
    surface_mm
        Width of the step at the mask's surface: about the width of an edge within a slice, and about the accuracy of a
        mask's outline. With such a step, each cell fits the step's height (`LocalAffine`), and cells that
        do not fit lose their weight as a whole; both need a pose that is right to about a voxel. None: no step.
    """

    edge_vox: int
    max_voxels: int
    surface_mm: float | None = None


@dataclass(frozen=True, eq=False)
class TemplateCells:
    """Voxels of the template, a row of V neighbours for each of N cells.

    Parameters
    ----------
    values
        (N, V) intensities in HU, float32.
    weights
        (N, V) in [0, 1]: 0 outside the region of interest.
    offsets_mm
        (N, V, 3) world position minus ``centre_mm``, float32: small numbers keep their precision. The memory
        holds all x, then all y, then all z, in the order in which the solver reads them.
    centre_mm
        (3,) point about which small motions rotate, world mm of the template, float64.
    surface
        (N, V) step at the mask's surface, 0 inside and 1 outside, or None on levels that do not fit it: see
        `LocalAffine`.
    """

    values: Tensor
    weights: Tensor
    offsets_mm: Tensor
    centre_mm: NDArray[np.floating]
    surface: Tensor | None = None

    @cached_property
    def corners_mm(self) -> Points:
        """(N, 3) float64 world position of the first voxel of each cell, on the host."""
        return self.offsets_mm[:, 0].double().cpu().numpy() + self.centre_mm

    @cached_property
    def middles_mm(self) -> Points:
        """(N, 3) float64 middle of each cell minus ``centre_mm``, on the host."""
        return self.offsets_mm.mean(dim=1).double().cpu().numpy()

    def blocks(self, edge_mm: float) -> NDArray[np.int_]:
        """Return (N,) the number of the cube of an edge in mm that holds the middle of each cell, without gaps."""
        index = np.floor(self.middles_mm / edge_mm).astype(int)
        index = index - index.min(axis=0, initial=0)
        _, block = np.unique(np.ravel_multi_index(index.T, index.max(axis=0, initial=0) + 1), return_inverse=True)
        return block

    @property
    def num_voxels(self) -> int:
        """Number of voxels with a positive weight."""
        return int((self.weights > 0).sum())


def sum_by_block(of_cells: NDArray[np.floating], block: NDArray[np.int_]) -> NDArray[np.float64]:
    """Return (K, ...) the sums of (N, ...) numbers of cells over the cells of each of K blocks.

    Parameters
    ----------
    of_cells
        (N, ...) numbers of N cells.
    block
        (N,) number of the block of each cell (`TemplateCells.blocks`).
    """
    columns = of_cells.reshape(len(of_cells), -1).T
    sums = np.stack([np.bincount(block, weights=column) for column in columns], axis=1).astype(np.float64, copy=False)
    return sums.reshape(len(sums), *of_cells.shape[1:])


def cut_cells(
    template: GridImage,
    *,
    distance: GridImage,
    margin_mm: float,
    centre_mm: NDArray[np.floating],
    settings: CellSettings,
) -> TemplateCells:
    """Cut the region of interest into cubic cells of voxels and keep those that vary most.

    A cell without structure says nothing about the pose; leaving it out changes the answer less
    than the noise does, and most of the liver is without structure.

    Parameters
    ----------
    template
        The template at the level's resolution.
    distance
        Distance to the liver's mask in mm, 0 inside, in the template's world; may be on a coarser grid.
    margin_mm
        Voxels up to this far outside the mask belong to the region: the liver's boundary is information.
    centre_mm
        (3,) point about which small motions rotate.
    settings
        Size and number of the cells.
    """
    edge_vox, surface_mm = settings.edge_vox, settings.surface_mm
    spacing, shape = template.grid.spacing_mm, np.array(template.data.shape)
    lead = np.mod(template.first_vox, edge_vox)
    middle = (edge_vox - 1) / 2 - lead
    # Only cells whose middle lies in the image.
    first, last = np.ceil(-middle / edge_vox).astype(int), np.floor((shape - 1 - middle) / edge_vox).astype(int) + 1
    blocks = _fold(template.data, edge_vox, lead=lead.tolist())[tuple(map(slice, first.tolist(), last.tolist()))]
    to_distance = (
        sampler_from_voxel(distance.data.shape) @ distance.grid.voxel_from_world @ template.grid.world_from_voxel
    )
    middles = [np.arange(a, b) * edge_vox + m for a, b, m in zip(first, last, middle, strict=True)]
    near = _distance_on_lattice(distance, to_distance, middles)
    reach_mm = margin_mm + 0.5 * edge_vox * float(np.linalg.norm(spacing)) / np.sqrt(3)
    places = (near <= reach_mm).nonzero()
    values = blocks[tuple(places.T)].flatten(1)
    keep = min(len(values), settings.max_voxels // edge_vox**3)
    variance = values.var(dim=1, correction=0) if keep else values.sum(dim=1)  # of nothing torch warns
    chosen = variance.topk(keep).indices.sort().values
    to_offset = template.grid.world_from_voxel.copy()
    to_offset[:3, 3] -= centre_mm
    maps = np.stack([to_offset, to_distance, sampler_from_voxel(template.data.shape)])[:, :3]
    offsets, positions, own = _voxels_mapped(places[chosen], maps, cell=edge_vox, first_vox=first * edge_vox - lead)
    apart = values_at(distance.data[None, None], positions.float().permute(1, 2, 0)[None, :, :, None])[0, 0, ..., 0]
    apart = torch.where(within_faces(own, axis=0), apart, torch.inf)
    weights, surface = (apart <= margin_mm).float(), None if surface_mm is None else (apart / surface_mm).clamp(max=1)
    centre_mm = np.asarray(centre_mm, dtype=np.float64)
    return TemplateCells(values[chosen], weights, offsets.float().permute(1, 2, 0), centre_mm, surface)


def _fold(image: Tensor, cell: int, *, lead: Sequence[int]) -> Tensor:
    """Return (I/c, J/c, K/c, c, c, c) blocks of an (I, J, K) tensor, padded by its border values.

    The padding is ``lead`` voxels wide at the near ends, and completes the last cells at the far ends.
    """
    ends = [(a, -(n + a) % cell) for n, a in zip(image.shape, lead, strict=True)]
    padding = [edge for end in reversed(ends) for edge in end]
    if any(padding):
        image = functional.pad(image[None, None], padding, mode="replicate")[0, 0]
    i, j, k = (n // cell for n in image.shape)
    return image.reshape(i, cell, j, cell, k, cell).permute(0, 2, 4, 1, 3, 5)


def _distance_on_lattice(distance: GridImage, to_distance: Matrix, along: Sequence[NDArray[np.floating]]) -> Tensor:
    """Return the (I, J, K) distances to the mask in mm, interpolated trilinearly at the points of a lattice.

    The lattice has the points (``along[0][i]``, ``along[1][j]``, ``along[2][k]``) for all i, j and k; here they are the
    middles of the cells in voxels of the template. The positions are in double precision, so that the cells near the
    mask do not depend on how the image was cropped.

    Parameters
    ----------
    distance
        Distance to the mask in mm at every voxel of its own grid. A point outside the grid gets the nearest voxel's.
    to_distance
        (4, 4) map from fractional voxel indices of the template to the sampler's positions in ``distance``
        (`sampler_from_voxel`): -1 to 1 along each axis of that grid.
    along
        Three arrays, (I,), (J,) and (K,), of fractional voxel indices of the template.
    """
    positions = mapped_lattice(to_distance, along, device=distance.data.device, dtype=torch.float64)
    return values_at(distance.data[None, None], positions.permute(1, 2, 3, 0)[None])[0, 0]


def _voxels_mapped(cells: Tensor, maps: NDArray[np.floating], *, cell: int, first_vox: NDArray[np.int_]) -> Tensor:
    """Return the (M, 3, N, V) float64 images of the voxels of N cells under M maps.

    Parameters
    ----------
    cells
        (N, 3) indices of the cells along i, j and k.
    maps
        (M, 3, 4): the first three rows of affine maps of the template's voxel indices.
    cell, first_vox
        Edge of a cell in voxels, and the (3,) first voxel of the cell 0, 0, 0.
    """
    linear = maps[..., :3].reshape(-1, 3)
    inner = np.indices((cell,) * 3).reshape(3, -1)
    numbers = np.column_stack([linear * cell, linear @ first_vox + maps[..., 3].ravel(), linear @ inner])
    on_device = small_tensor(numbers, cells.device)
    corners = torch.addmm(on_device[:, 3:4], on_device[:, :3], cells.T.double())
    return (corners[..., None] + on_device[:, None, 4:]).unflatten(0, maps.shape[:2])
