"""Closed planar contours drawn as voxels: by the even-odd rule in their planes, by their distances in between.

References
----------
Raya, S. P. and Udupa, J. K. Shape-based interpolation of multidimensional objects. IEEE Transactions on Medical
Imaging 9, 1990. doi:10.1109/42.52980
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Points, VoxelArray
from hepareg.errors import MaskError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous

__all__ = ["FilledContours", "fill_contours", "fill_polygons"]

PARALLEL = 0.9999
"""Cosine of the angle, 0.8 degrees, up to which contours lie along slices."""
SAME_PLANE_MM = 0.05
WIDEST_GAP = 4
"""Widest gap between neighbouring planes of contours that is interpolated, as a multiple of their median distance."""
WIDEST_GAP_MM = 10.0
"""Gaps up to this are interpolated, too; contours on both sides of a wider one are two separate parts."""
OWN_SPACING_MM = 1.0
MARGIN_VOX = 2
ON_EDGE_VOX = 1e-3
MAX_VOXELS = 1 << 30


@dataclass(frozen=True, eq=False)
class FilledContours:
    """Voxels inside of contours.

    Parameters
    ----------
    data
        (I, J, K) bool.
    grid
        The grid that was given, if the contours' planes are parallel to its slices; else a grid made for the contours.
    num_filled
        Number of slices that were interpolated in gaps wider than 1.5 times the median distance of contours: slices
        whose contours may have been forgotten.
    """

    data: VoxelArray
    grid: Grid
    num_filled: int


def fill_contours(contours: Sequence[Points], grid: Grid | None = None) -> FilledContours:
    """Return the voxels whose centres lie inside of closed planar contours.

    Contours of one plane are taken by the even-odd rule: a contour within another one is a hole, and a keyhole, whose
    channel is run along twice, too. Slices between two planes of contours are interpolated.

    Parameters
    ----------
    contours
        (N, 3) world points of each, N of 3 or more.
    grid
        Grid to draw on; None for a grid of 1 mm along the contours.

    Raises
    ------
    MaskError
        If the contours do not lie in parallel planes, or span more than a body.
    """
    normal = _normal_of(contours)
    axis = None if grid is None else _axis_along(grid, normal)
    if grid is None or axis is None:
        grid, axis = _own_grid(contours, normal, grid), 2
    across = [a for a in range(3) if a != axis]
    placed = [grid.voxel_points(points) for points in contours]
    depths = np.array([points[:, axis].mean() for points in placed])
    spread_vox = max(float(np.abs(points[:, axis] - depth).max()) for points, depth in zip(placed, depths, strict=True))
    spread_mm = spread_vox * float(grid.spacing_mm[axis])
    if spread_mm > 1.0:
        raise MaskError(
            f"expected planar contours in parallel planes, got points {spread_mm:.1f} mm off them; "
            "export the segmentation as NIfTI or DICOM SEG"
        )
    planes = _planes_of(depths, SAME_PLANE_MM / float(grid.spacing_mm[axis]))
    shape = (grid.shape[across[0]], grid.shape[across[1]])
    filled = [fill_polygons([placed[n][:, across] for n in numbers], shape) for numbers in planes]
    heights = np.array([depths[numbers].mean() for numbers in planes])
    data, num_filled = _stacked(filled, heights, grid, axis)
    return FilledContours(np.moveaxis(data, 0, axis), grid, num_filled)


def fill_polygons(polygons: Sequence[NDArray[np.float64]], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which centres of pixels lie inside of an odd number of polygons, or on one.

    Many tools trace a mask through the centres of its outermost pixels, which belong to it.

    Parameters
    ----------
    polygons
        (N, 2) corners in pixels, closed by themselves. The same polygon twice counts once.
    shape
        Number of pixels along both axes.
    """
    toggles = np.zeros((shape[0] + 1, shape[1]), np.int64)
    touched = np.zeros(shape, bool)
    for polygon in _different(polygons):
        begin, end = polygon, np.roll(polygon, -1, axis=0)
        row, crossing = _crossings(begin, end, shape[1])
        np.add.at(toggles, (np.ceil(crossing).clip(0, shape[0]).astype(int), row), 1)
        _touch(touched, crossing, row)
        _touch(touched, *_corners_and_level_edges(begin, end, shape[0]))
    return (np.cumsum(toggles, axis=0)[:-1] % 2).astype(bool) | touched


def _crossings(
    begin: NDArray[np.float64], end: NDArray[np.float64], num_rows: int
) -> tuple[NDArray[np.int_], NDArray[np.float64]]:
    """Return row index, and position along the row in pixels, of each crossing of an edge with a row of pixel centres.

    The end of an edge with the larger second coordinate does not count, so that a corner counts once.
    """
    first = np.ceil(np.minimum(begin[:, 1], end[:, 1])).clip(0, num_rows).astype(int)
    last = np.ceil(np.maximum(begin[:, 1], end[:, 1])).clip(0, num_rows).astype(int)
    counts = last - first
    edge = np.repeat(np.arange(len(begin)), counts)
    row = np.arange(edge.size) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    part = (row - begin[edge, 1]) / (end[edge, 1] - begin[edge, 1])
    return row, begin[edge, 0] + part * (end[edge, 0] - begin[edge, 0])


def _corners_and_level_edges(
    begin: NDArray[np.float64], end: NDArray[np.float64], length: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the positions of all corners, and of pixels on edges along a row, which `_crossings` misses.

    ``length`` is the number of pixels in a row: an edge may end far beyond it.
    """
    level = np.abs(begin[:, 1] - end[:, 1]) < ON_EDGE_VOX
    ends = np.sort(np.stack([begin[level, 0], end[level, 0]], axis=1), axis=1).clip(-1, length)
    along = [np.arange(np.ceil(low - ON_EDGE_VOX), high + ON_EDGE_VOX) for low, high in ends]
    rows = np.repeat(begin[level, 1], [len(x) for x in along])
    return np.concatenate([begin[:, 0], *along]), np.concatenate([begin[:, 1], rows])


def _touch(touched: NDArray[np.bool_], u: NDArray[np.float64], v: NDArray[Any]) -> None:
    """Set ``touched`` at the pixels whose centres coincide with points (u, v) in pixels, to `ON_EDGE_VOX`."""
    i, j = np.rint(u).astype(int), np.rint(v).astype(int)
    on = (np.abs(u - i) < ON_EDGE_VOX) & (np.abs(v - j) < ON_EDGE_VOX)
    on &= (i >= 0) & (i < touched.shape[0]) & (j >= 0) & (j < touched.shape[1])
    touched[i[on], j[on]] = True


def _different(polygons: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    seen: dict[bytes, NDArray[np.float64]] = {}
    for polygon in polygons:
        seen.setdefault(np.round(polygon, 3).tobytes(), polygon)
    return list(seen.values())


def _normal_of(contours: Sequence[Points]) -> NDArray[np.float64]:
    """Return the (3,) unit normal of the contour with the largest area."""
    normals = [0.5 * np.cross(p - p[0], np.roll(p, -1, axis=0) - p[0]).sum(axis=0) for p in contours]
    largest = max(normals, key=lambda n: float(np.linalg.norm(n)))
    length = float(np.linalg.norm(largest))
    if not np.isfinite(length) or length == 0:
        raise MaskError("expected contours that enclose an area, got none; check the structure")
    return largest / length


def _axis_along(grid: Grid, normal: NDArray[np.float64]) -> int | None:
    """Return the voxel axis along which the contours' planes are stacked, or None if they are oblique to all axes."""
    cosines = np.abs((grid.world_from_voxel[:3, :3] / grid.spacing_mm).T @ normal)
    axis = int(np.argmax(cosines))
    return axis if cosines[axis] > PARALLEL else None


def _own_grid(contours: Sequence[Points], normal: NDArray[np.float64], like: Grid | None) -> Grid:
    spacing = OWN_SPACING_MM if like is None else min(OWN_SPACING_MM, float(like.spacing_mm.min()))
    side = np.cross(normal, np.eye(3)[int(np.argmin(np.abs(normal)))])
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(normal, side), normal], axis=1)
    points = np.concatenate(list(contours)) @ axes
    depths = np.sort(np.unique(np.round(points[:, 2], 2)))
    step = min(spacing, float(np.diff(depths).min())) if len(depths) > 1 else spacing
    steps = np.array([spacing, spacing, max(step, 0.25)])
    low, high = points.min(axis=0) - MARGIN_VOX * steps, points.max(axis=0) + MARGIN_VOX * steps
    beyond = (MARGIN_VOX + np.ceil(0.5 * WIDEST_GAP_MM / steps[2])) * steps[2]  # room for half a slab
    low[2], high[2] = depths[0] - beyond, depths[-1] + beyond
    shape = np.ceil((high - low) / steps).astype(int) + 1
    if np.prod(shape.astype(float)) > MAX_VOXELS:
        raise MaskError("expected contours within one body, got them metres apart; check the structure")
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), homogeneous(axes * steps, axes @ low))


def _planes_of(depths: NDArray[np.float64], tolerance: float) -> list[NDArray[np.int_]]:
    """Group contours by plane: return an array of contour indices for each plane, sorted by depth in voxels."""
    order = np.argsort(depths, kind="stable")
    breaks = np.flatnonzero(np.diff(depths[order]) > tolerance) + 1
    return np.split(order, breaks)


def _stacked(
    filled: Sequence[NDArray[np.bool_]], heights: NDArray[np.float64], grid: Grid, axis: int
) -> tuple[VoxelArray, int]:
    """Return the slices of a grid along an axis from filled contours, and ``num_filled`` of `FilledContours`.

    With m the median distance between neighbouring planes of contours (1 voxel for a single plane), each slice is

    1. within 0.1 voxel of a plane: a copy of that plane's picture;
    2. else between two planes: interpolated between their pictures (`_between`) if the gap between the planes is at
       most `WIDEST_GAP` m or `WIDEST_GAP_MM`, whichever is more;
    3. else a copy of the nearest plane's picture up to half a slab away, empty farther away. That is so beyond the
       first and the last plane, and on both sides of a wider gap, whose planes are the last ones of two parts. A slab
       is as thick as m, but at most `WIDEST_GAP_MM`: slices of a CT are not farther apart.

    Parameters
    ----------
    filled
        One bool picture for each of P planes, each of the shape of the grid without ``axis``.
    heights
        (P,) positions of the planes as fractional voxel indices along ``axis``, ascending.
    grid, axis
        Grid to fill, and its axis along which the planes are stacked.

    Returns
    -------
    data
        (N, ...) bool, with the grid's N slices along ``axis`` as its first axis.
    num_filled
        Number of slices interpolated in gaps wider than 1.5 m.
    """
    gaps = np.diff(heights)
    usual = float(np.median(gaps)) if gaps.size else 1.0
    widest = WIDEST_GAP_MM / float(grid.spacing_mm[axis])
    allowed, half_slab = max(WIDEST_GAP * usual, widest), 0.5 * min(usual, widest)
    spacing = np.delete(grid.spacing_mm, axis)
    data = np.zeros((grid.shape[axis], *filled[0].shape), bool)
    num_filled = 0
    for k in range(len(data)):
        after = int(np.searchsorted(heights, k))
        near = min((n for n in (after - 1, after) if 0 <= n < len(heights)), key=lambda n: abs(heights[n] - k))
        off = heights[near] - k
        if abs(off) >= 0.1 and 0 < after < len(heights) and gaps[after - 1] <= allowed:
            weight = (k - heights[after - 1]) / gaps[after - 1]
            data[k] = _between(filled[after - 1], filled[after], weight, spacing)
            num_filled += gaps[after - 1] > 1.5 * usual
        elif abs(off) < 0.1 or -half_slab < off <= half_slab:
            data[k] = filled[near]
    return data, num_filled


def _between(
    before: NDArray[np.bool_], after: NDArray[np.bool_], weight: float, spacing_mm: NDArray[np.float64]
) -> NDArray[np.bool_]:
    distance = (1 - weight) * _signed_distance(before, spacing_mm) + weight * _signed_distance(after, spacing_mm)
    return distance > 0


def _signed_distance(mask: NDArray[np.bool_], spacing_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance in mm to the outline of a mask: positive inside, minus infinity for an empty mask."""
    from scipy.ndimage import distance_transform_edt  # slow to import

    if not mask.any():
        return np.full(mask.shape, -np.inf)
    inside = distance_transform_edt(np.pad(mask, 1), sampling=spacing_mm)[1:-1, 1:-1]
    return np.where(mask, inside, -distance_transform_edt(~mask, sampling=spacing_mm))
