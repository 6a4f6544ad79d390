"""Vessel trees drawn into voxels as the fraction of each voxel that a vessel fills."""

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hepareg.geometry import Grid
from hepareg.simulation.anatomy.labels import Label
from hepareg.simulation.anatomy.vessel_trees import VesselTree

__all__ = ["VesselLayer", "draw_tree"]

MAX_SUBSAMPLES = 4

Floats = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class VesselLayer:
    """The block of voxels that a vessel tree touches, and the fraction of each that the tree fills.

    Parameters
    ----------
    label
        Kind of vessel.
    start
        (3,) first voxel of the block.
    filled
        (I, J, K) uint8: fraction of each voxel inside the vessel, 0 to 255.
    """

    label: Label
    start: tuple[int, int, int]
    filled: NDArray[np.uint8]

    @property
    def block(self) -> tuple[slice, slice, slice]:
        """Index of the block in the whole image."""
        a, b, c = (slice(s, s + n) for s, n in zip(self.start, self.filled.shape, strict=True))
        return a, b, c


def draw_tree(tree: VesselTree, grid: Grid) -> VesselLayer | None:
    """Return a tree drawn on a grid as tapered tubes, or None if no part of it is in view.

    The fraction is 1/2 - (distance - radius) / h clipped to [0, 1], with h the finest spacing, averaged
    over sub-samples along the coarser axes of the voxel.
    """
    low, high = _block(tree, grid)
    if (high <= low).any():
        return None
    filled = np.zeros(tuple(high - low), dtype=np.uint8)
    h = float(grid.spacing_mm.min())
    offsets = _subsample_offsets(grid)
    starts, stops, *radii = tree.segments()
    voxels = (grid.voxel_points(starts) - low, grid.voxel_points(stops) - low)
    origin = grid.world_points(low)
    for a, b, ra, rb, va, vb in zip(starts, stops, *radii, *voxels, strict=True):
        _draw_segment(filled, grid, origin, offsets, h, _Segment(a, b, ra, rb, va, vb))
    return VesselLayer(tree.label, (int(low[0]), int(low[1]), int(low[2])), filled)


def _block(tree: VesselTree, grid: Grid) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    voxels = grid.voxel_points(tree.points)
    pad = (tree.radius_mm.max() + 1) / grid.spacing_mm + 1
    low = np.maximum(np.floor(voxels.min(0) - pad).astype(int), 0)
    high = np.minimum(np.ceil(voxels.max(0) + pad).astype(int) + 1, grid.shape)
    return low, high


def _subsample_offsets(grid: Grid) -> NDArray[np.floating]:
    """Return the (n, 3) offsets in world mm of a voxel's sub-samples from its centre."""
    counts = np.clip(np.round(grid.spacing_mm / grid.spacing_mm.min()).astype(int), 1, MAX_SUBSAMPLES)
    steps = [(np.arange(n) - (n - 1) / 2) / n for n in counts]
    return np.array(list(product(*steps))) @ grid.world_from_voxel[:3, :3].T


class _Segment(NamedTuple):
    """A tapered tube: its ends in world mm and in voxels of the block, and the radii at the ends."""

    start: Floats
    stop: Floats
    start_radius: float
    stop_radius: float
    start_vox: Floats
    stop_vox: Floats


def _draw_segment(
    filled: NDArray[np.uint8], grid: Grid, origin: Floats, offsets: Floats, h: float, segment: _Segment
) -> None:
    """Draw one tapered tube into a block of fractions whose first voxel lies at ``origin``."""
    a, ra, rb = segment.start, segment.start_radius, segment.stop_radius
    pad = (max(ra, rb) + h) / grid.spacing_mm + 0.5
    start = np.maximum(np.floor(np.minimum(segment.start_vox, segment.stop_vox) - pad).astype(int), 0)
    stop = np.minimum(np.ceil(np.maximum(segment.start_vox, segment.stop_vox) + pad).astype(int) + 1, filled.shape)
    if (stop <= start).any():
        return
    axes = [np.arange(s, e, dtype=np.float64) for s, e in zip(start, stop, strict=True)]
    M = grid.world_from_voxel
    x = [
        M[c, 0] * axes[0][:, None, None] + M[c, 1] * axes[1][:, None] + M[c, 2] * axes[2] + (origin[c] - a[c])
        for c in range(3)
    ]
    d = segment.stop - a
    length2 = max(float(d @ d), 1e-9)
    total = np.zeros(x[0].shape)
    for offset in offsets:
        p = [x[c] + offset[c] for c in range(3)]
        t = np.clip((p[0] * d[0] + p[1] * d[1] + p[2] * d[2]) / length2, 0, 1)
        distance = np.sqrt(sum((p[c] - t * d[c]) ** 2 for c in range(3)))
        total += np.clip(0.5 - (distance - (ra + t * (rb - ra))) / h, 0, 1)
    block = filled[tuple(slice(s, e) for s, e in zip(start, stop, strict=True))]
    np.maximum(block, np.round(total * (255 / len(offsets))).astype(np.uint8), out=block)
