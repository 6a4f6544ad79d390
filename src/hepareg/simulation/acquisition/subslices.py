"""Thin slices whose averages are the given thick slices, so that other slices can be averaged from them."""

import numpy as np
from numpy.typing import NDArray

from hepareg.geometry import Grid

__all__ = ["NUM_SLICES_AT_ONCE", "split_grid", "split_slices", "subslice_count"]

THIN_MM = 1.0
"""Thinner slices are not split."""

EDGE_RATIO = 2.0
"""A slice contains an edge if the step across the slice is this many times the changes on both sides of the slice."""

NUM_SLICES_AT_ONCE = 8

Image32 = NDArray[np.float32]


def subslice_count(grid: Grid) -> int:
    """Return the number of thin slices, of about 1 mm, to split each slice of a grid into."""
    return max(1, round(float(grid.spacing_mm[2]) / THIN_MM))


def split_grid(grid: Grid, count: int) -> Grid:
    """Return the grid with every slice split into ``count`` thinner ones that fill the same space."""
    matrix = grid.world_from_voxel.copy()
    matrix[:3, 2] /= count
    matrix[:3, 3] -= matrix[:3, 2] * (count - 1) / 2
    return Grid((grid.shape[0], grid.shape[1], grid.shape[2] * count), matrix)


def split_slices(image: Image32, count: int) -> Image32:
    """Return thin slices whose averages are the given slices.

    Linear interpolation between thick slices blurs the edges between them. Seen in a HU window, the surface of the
    liver below the lung then lies some tenths of a millimetre deeper than in the given image, and no other surface
    moves. Therefore each voxel is split as follows. It has the value c; the slices before and after it have a and b,
    those beyond them a2 and b2 (the first and last slice are repeated beyond the image).

    - Edge, if c lies strictly between a and b and |a - b| > `EDGE_RATIO` (|a - a2| + |b - b2|): the first fraction
      (c - b) / (a - b) of the slice has the value a, the rest b. The thin slice in which the edge lies has the mean of
      both, by their parts of it.
    - Else, if c lies strictly between a and b: a straight line through c at the slice's middle, which changes over the
      whole slice by the smaller of |c - a| and |b - c|, from a's side towards b's.
    - Else c throughout.

    Parameters
    ----------
    image
        (I, J, K) float32 image in HU.
    count
        Number of thin slices for each slice.

    Returns
    -------
    Image32
        (I, J, K * count) float32, between the values of neighbouring slices.

    References
    ----------
    Harten, A. ENO schemes with subcell resolution. Journal of Computational Physics 83, 1989.
    doi:10.1016/0021-9991(89)90226-X
    """
    if count == 1:
        return image
    out = np.empty((*image.shape[:2], image.shape[2] * count), dtype=np.float32)
    for start in range(0, image.shape[2], NUM_SLICES_AT_ONCE):
        stop = min(start + NUM_SLICES_AT_ONCE, image.shape[2])
        rows = np.clip(np.arange(start - 2, stop + 2), 0, image.shape[2] - 1)
        thin = _split(np.moveaxis(image[:, :, rows], 2, 0), count)
        out[:, :, start * count : stop * count] = np.moveaxis(thin, 0, 2)
    return out


def _split(slices: Image32, count: int) -> Image32:
    """Return the thin slices of all slices but the first two and the last two; slices lie along the first axis."""
    before, a, c, b, after = (slices[n : len(slices) - 4 + n] for n in range(5))
    step = a - b
    first = np.clip((c - b) / np.where(step == 0, np.float32(1), step), 0, 1)
    monotone = (a - c) * (c - b) > 0
    is_edge = monotone & (np.abs(step) > EDGE_RATIO * (np.abs(a - before) + np.abs(after - b)))
    slope = np.where(monotone, np.sign(-step) * np.minimum(np.abs(c - a), np.abs(b - c)), np.float32(0))
    thin = np.empty((len(c), count, *c.shape[1:]), dtype=np.float32)
    for n in range(count):
        edge = b + step * np.clip(count * first - n, 0, 1)
        thin[:, n] = np.where(is_edge, edge, c + slope * np.float32((n + 0.5) / count - 0.5))
    return thin.reshape(-1, *c.shape[1:])
