"""The order of a scan's own slices, from one image: shuffled, doubled and lost slices, and steps of the breath."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from hepareg.geometry.boxes import VoxelBox
from hepareg.transforms.block_average import average_blocks
from hepareg.volume import Volume

__all__ = ["SliceSequence", "slice_sequence"]

IN_PLANE_MM = 4.0
"""Edge of the blocks that are averaged within a slice, so that noise counts for little beside anatomy."""
WINDOW_HU = (-100.0, 200.0)
"""Intensities are clamped to this. Oblique ribs and lung vessels, which come and go between slices, would dominate."""
REACH = 8
"""Slices up to this far apart are compared."""
MIN_SLICES = 5
LARGEST_RATIO = 10.0
"""Larger ratios, infinite ones included, are reported as this: the denominator is noise or 0 then."""
MIN_SIDE = 4
"""A gap needs this many slices on either side: at an end of the scan there is too little to compare it with."""
MIN_EXCESS = 1.4
"""A gap is looked for where two neighbours differ by this factor more than those beside them."""
BEYOND_HU = 1e6
"""Difference to a slice beyond the first or last one."""
TINY_HU = 1e-3
"""Smaller differences than this are equal slices."""
TILES = 3
"""A box is cut into 3 by 3 columns of tiles: a fault of the slices shows in most of them, a flat interface between two
organs, a disc of the spine or an artefact in one or two."""
MIN_TILE_SHARE = 0.2
"""A tile counts if its slices differ by at least this share of those of the most varied tile: lung and air do not."""


@dataclass(frozen=True)
class SliceSequence:
    """Two measurements of whether an image's slices follow one another evenly.

    Each is the largest, over all pairs of neighbouring slices, of a median over tiles (`TILES`).

    Parameters
    ----------
    order_ratio
        Difference between two neighbouring slices, relative to the smallest difference between one of them and a slice
        2 to 8 slices away on the other's side. Below 1 in an even sequence, since slices differ the more the farther
        apart they lie; above 1 if slices are shuffled or repeated.
    gap_slices
        Number of slices apart at which other slices nearby differ as much as these two neighbours: 1 in an even
        sequence, about n + 1 where n slices are lost or the liver jumps by n slices, at most 8.
    """

    order_ratio: float
    gap_slices: float


def slice_sequence(image: Volume, box: VoxelBox) -> SliceSequence | None:
    """Return how evenly the slices of an image follow one another within a box, or None if it has too few of them.

    Parameters
    ----------
    image
        CT in HU; its slices lie across its superior axis.
    box
        Voxels of the liver: start and stop, as `Volume.crop` takes them.
    """
    if (np.subtract(*box[::-1]) < 1).any() or np.subtract(*box[::-1])[image.grid.superior_axis[0]] < MIN_SLICES:
        return None
    differences = _differences_hu(image, box)
    typical = np.median(_apart(differences, 1)[:, :-1], axis=1)
    tiles = differences[typical >= MIN_TILE_SHARE * typical.max()]
    return SliceSequence(
        order_ratio=float(np.median(_order_ratios(tiles), axis=0).max()),
        gap_slices=float(np.median(_gaps_slices(tiles), axis=0).max()),
    )


def _differences_hu(image: Volume, box: VoxelBox) -> NDArray[np.floating]:
    """Return the (T, n, n) root mean square differences between all n slices of a box, in each of T tiles."""
    axis, _ = image.grid.superior_axis
    part = image.crop(*box)
    factors = np.clip(np.rint(IN_PLANE_MM / part.grid.spacing_mm).astype(int), 1, part.shape)
    factors[axis] = 1
    voxels = part.data
    device = torch.device("cpu") if isinstance(voxels, np.ndarray) else voxels.device
    averages, _ = average_blocks(part, factors, window=WINDOW_HU, device=device)
    slices = averages.movedim(axis, 0)
    slices = slices - slices.mean(dim=0)
    tiles = [tile for row in slices.tensor_split(TILES, dim=1) for tile in row.tensor_split(TILES, dim=2)]
    return np.stack([_distances(tile.flatten(1)) for tile in tiles if tile.numel()])


def _distances(rows: torch.Tensor) -> NDArray[np.floating]:
    """Return the (n, n) root mean square differences between n rows."""
    products = (rows @ rows.T / rows.shape[1]).double().cpu().numpy()
    squares = np.diag(products)
    return np.sqrt(np.maximum(squares[:, None] + squares - 2 * products, 0.0))


def _apart(differences: NDArray[np.floating], lag: int) -> NDArray[np.floating]:
    """Return the (T, n) differences between each slice and the one ``lag`` slices on; `BEYOND_HU` beyond the last."""
    found = np.diagonal(differences, lag, axis1=1, axis2=2)
    return np.pad(found, ((0, 0), (0, differences.shape[1] - found.shape[1])), constant_values=BEYOND_HU)


def _order_ratios(differences: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the order ratio of each tile and pair of neighbours, (T, n - 1), from (T, n, n) differences."""
    neighbours, nearest = _apart(differences, 1), np.full(differences.shape[:2], BEYOND_HU)
    for lag in range(2, REACH + 1):
        apart = _apart(differences, lag)
        nearest = np.minimum(nearest, apart)  # from the first of two neighbours on
        nearest[:, lag - 1 :] = np.minimum(nearest[:, lag - 1 :], apart[:, : 1 - lag])  # from the second one back
    ratios = neighbours / np.maximum(np.maximum(nearest, neighbours / LARGEST_RATIO), TINY_HU)
    return ratios[:, :-1]


def _gaps_slices(differences: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the gap in slices of each tile and pair of neighbours, (T, n - 1), from (T, n, n) differences.

    The difference of two neighbours is looked up in the mean difference of slices 1, 2, 3, ... apart on either side of
    them. It is 1 for the first and last slices: on one side there is nothing to compare them with.
    """
    neighbours = _apart(differences, 1)[:, :-1]
    gaps, grown = np.ones_like(neighbours), np.zeros_like(neighbours)
    before_it = np.arange(neighbours.shape[1])
    inner = (before_it >= MIN_SIDE) & (before_it[::-1] >= MIN_SIDE)
    for lag in range(1, REACH + 1):
        apart = _apart(differences, lag)
        before, after = np.full_like(neighbours, BEYOND_HU), np.full_like(neighbours, BEYOND_HU)
        before[:, lag:] = apart[:, : -lag - 1]
        after[:, :-1] = apart[:, 1:-1]
        if lag == 1:
            seen = inner & (neighbours > MIN_EXCESS * np.maximum(before, after))
        smaller, grown = grown, np.maximum(grown, (before + after) / 2)
        part = np.clip((neighbours - smaller) / np.maximum(grown - smaller, TINY_HU), 0, 1)
        gaps = np.where(seen & (grown < BEYOND_HU / 2) & (lag > 1), gaps + part, gaps)
    return gaps
