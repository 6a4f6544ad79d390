"""An organ's mask on a coarse, isotropic grid: depth below its surface, and points moved into it."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepareg.arrays import Points
from hepareg.errors import MaskError
from hepareg.geometry import Grid
from hepareg.simulation.interpolation import sample_affine

__all__ = ["OrganSpace", "coarse_grid_around", "mask_on_grid"]


def coarse_grid_around(points: Points, *, spacing_mm: float, margin_mm: float | NDArray[np.floating]) -> Grid:
    """Return an isotropic grid, parallel to the world's axes, around (N, 3) points in mm and a margin."""
    low = points.min(0) - margin_mm
    high = points.max(0) + margin_mm
    shape = np.ceil((high - low) / spacing_mm).astype(int) + 1
    matrix = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    matrix[:3, 3] = low
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), matrix)


def mask_on_grid(mask: NDArray[np.bool_], mask_grid: Grid, grid: Grid) -> NDArray[np.float32]:
    """Return a bool mask sampled linearly on another grid, float32 in [0, 1]; 0 outside its own grid."""
    matrix = mask_grid.voxel_from_world @ grid.world_from_voxel
    return sample_affine(np.asarray(mask).view(np.uint8), matrix, grid.shape, outside=0.0)


class OrganSpace:
    """A coarse copy of an organ's mask with the depth below its surface, in which vessels and lesions are placed.

    Parameters
    ----------
    mask, grid
        (I, J, K) mask and its grid.
    spacing_mm
        Spacing of the coarse copy.

    Attributes
    ----------
    grid
        Grid of the coarse copy.
    inside
        (I, J, K) bool, on the coarse grid.
    depth_mm
        (I, J, K) float32 distance to the nearest coarse voxel outside, 0 outside.

    Raises
    ------
    MaskError
        If the mask is empty, or so thin that no voxel of the coarse grid is inside.
    """

    def __init__(self, mask: NDArray[np.bool_], grid: Grid, *, spacing_mm: float = 3.0) -> None:
        where = np.argwhere(mask)
        if len(where) == 0:
            raise MaskError("expected a liver mask with voxels in it, got an empty one")
        low, high = where.min(0), where.max(0) + 1
        corners = grid.crop(low, high).corners_mm
        self.grid = coarse_grid_around(corners, spacing_mm=spacing_mm, margin_mm=2 * spacing_mm)
        block = np.asarray(mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))])
        around = grid.crop(low, high).window((-1, -1, -1), np.add(block.shape, 2))
        inside = mask_on_grid(np.pad(block, 1), around, self.grid) > 0.5
        if not inside.any():
            raise MaskError("expected a liver mask thicker than a few millimetres, got a thinner one")
        self.inside = inside
        self.depth_mm = ndimage.distance_transform_edt(inside, sampling=spacing_mm).astype(np.float32)

    @property
    def points(self) -> Points:
        """(N, 3) world mm of the centres of all coarse voxels inside."""
        return self.grid.world_points(np.argwhere(self.inside))

    def points_deeper_than(self, depth_mm: float) -> Points:
        """Return the (N, 3) coarse voxel centres in world mm at least ``depth_mm`` deep, or the deepest if none is."""
        where = np.argwhere(self.depth_mm >= min(depth_mm, float(self.depth_mm.max())))
        return self.grid.world_points(where)

    def keep_inside(self, depth_mm: float) -> "_Keeper":
        """Return a function that moves (N, 3) points to the nearest voxel centre at least ``depth_mm`` deep."""
        return _Keeper(self, depth_mm)


class _Keeper:
    """Function that replaces points less than ``depth_mm`` below an organ's surface by the nearest deeper voxel centre.

    (N, 3) world points in mm; points that are deep enough are returned unchanged.
    """

    def __init__(self, space: OrganSpace, depth_mm: float) -> None:
        self.grid = space.grid
        self.deep = space.depth_mm >= min(depth_mm, float(space.depth_mm.max()))
        _, self.nearest = ndimage.distance_transform_edt(~self.deep, return_indices=True)

    def __call__(self, points: Points) -> Points:
        index = tuple(self.grid.nearest_voxels(points).T)
        inner = self.grid.world_points(self.nearest[(slice(None), *index)].T)
        return np.where(self.deep[index][:, None], points, inner)
