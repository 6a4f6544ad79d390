"""The largest connected component of a mask, found from its runs of voxels."""

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import VoxelArray, slowest_first
from hepareg.geometry.boxes import bounding_box

__all__ = ["largest_component"]


def largest_component(mask: VoxelArray) -> tuple[NDArray[np.bool_], NDArray[np.int_]]:
    """Return the largest connected component of a mask as the array of its bounding box, and the box's first voxel.

    Parameters
    ----------
    mask
        (I, J, K), non-zero inside. Voxels are connected by their faces. Among components of equal size the one whose
        first voxel comes first in index order is returned.

    Raises
    ------
    MaskError
        If the mask has no voxel.

    Notes
    -----
    A run is a series of neighbouring mask voxels along the axis that is fastest in memory. Runs in neighbouring rows
    are connected if they overlap. A liver has some ten thousand runs but millions of voxels.
    """
    start, stop = bounding_box(mask)
    inside = np.asarray(mask)[tuple(map(slice, start, stop))] != 0
    order = slowest_first(inside.strides)
    # An empty voxel before each row and an empty row before each slice separate the rows and the slices.
    padded = np.zeros(np.add([inside.shape[axis] for axis in order], (0, 1, 1)), dtype=bool)
    padded[:, 1:, 1:] = inside.transpose(order)
    begins, ends = _runs(padded.ravel())
    labels = _connected(_overlaps(begins, ends, [padded.shape[2], padded.shape[1] * padded.shape[2]]), len(begins))
    sizes = np.bincount(labels, weights=ends - begins)
    largest = np.flatnonzero(sizes[labels] == sizes.max())
    i, j, k = np.array(np.unravel_index(begins[largest], padded.shape))[np.argsort(order)]
    kept = labels == labels[largest[np.lexsort((k, j, i))[0]]]
    steps = np.zeros(padded.size + 1, dtype=np.int8)
    steps[begins[kept]], steps[ends[kept]] = 1, -1
    component = np.cumsum(steps[:-1], dtype=np.int8).view(bool).reshape(padded.shape)[:, 1:, 1:]
    component = component.transpose(np.argsort(order))
    first, last = bounding_box(component)
    return component[tuple(map(slice, first, last))], start + first


def _runs(flat: NDArray[np.bool_]) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Return the first index of each run, and one after its last; the array has to begin with False."""
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if flat[-1]:
        edges = np.append(edges, flat.size)
    return edges[::2], edges[1::2]


def _overlaps(begins: NDArray[np.int_], ends: NDArray[np.int_], steps: list[int]) -> NDArray[np.int_]:
    """Return (N, 2) pairs of runs that overlap if one of them is shifted by one of the steps through memory."""
    pairs = []
    for step in steps:
        first = np.searchsorted(ends, begins + step, side="right")
        counts = np.searchsorted(begins, ends + step, side="left") - first
        runs = np.repeat(np.arange(len(begins)), counts)
        within = np.arange(len(runs)) - np.repeat(np.cumsum(counts) - counts, counts)
        pairs.append(np.column_stack([runs, first[runs] + within]))
    return np.concatenate(pairs)


def _connected(pairs: NDArray[np.int_], count: int) -> NDArray[np.int_]:
    """Return for each of ``count`` nodes the smallest node of its connected group; ``pairs`` are the edges.

    scipy.sparse.csgraph does the same, but its import takes eight times as long as this function.
    """
    least = np.arange(count)
    while True:
        lower = least.copy()
        reached = least[pairs].min(axis=1)
        for end in pairs.T:
            np.minimum.at(lower, least[end], reached)
        lower = lower[lower]
        if (lower == least).all():
            return least
        least = lower
