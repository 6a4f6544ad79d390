"""The surface of a liver mask: points on it, and the signed distance of any point to it."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hepareg.arrays import Points
from hepareg.geometry import Grid
from hepareg.geometry.profile import mask_profile
from hepareg.refinement.images.block_average import GridImage, block_average, block_factors
from hepareg.refinement.images.distance import distance_within
from hepareg.refinement.images.region import mask_with_margin
from hepareg.transforms.warp import sampler_from_voxel, values_at
from hepareg.volume import Volume

__all__ = ["MaskSurface", "MaskSurfaceSettings", "SurfaceDistances", "mask_surface"]


@dataclass(frozen=True)
class MaskSurfaceSettings:
    """Resolution and extent of a mask's surface.

    Parameters
    ----------
    spacing_mm
        Spacing of the map of distances: a mask's outline is accurate to about that.
    reach_mm
        Distances up to this are measured, inside and outside; larger ones are reported as this.
    num_points
        Approximate number of points on the surface.
    cut_share
        A mask is cut at its lower or upper end if its end slice has more than this share of the largest slice's area.
    """

    spacing_mm: float = 2.5
    reach_mm: float = 15.0
    num_points: int = 1500
    cut_share: float = 0.25


@dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """Signed distances of N points to a surface.

    Parameters
    ----------
    mm
        (N,) distances, negative inside the mask.
    gradients
        (N, 3) derivatives of the distance by the point's world coordinates; about the surface's outward normal.
    comparable
        (N,) bool: False beyond an end at which the mask is cut, because the organ's surface is not known there.
    """

    mm: NDArray[np.floating]
    gradients: NDArray[np.floating]
    comparable: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class MaskSurface:
    """The surface of a mask, without the flat ends at which the mask is cut.

    Parameters
    ----------
    points_mm
        (N, 3) points on the surface, world mm.
    areas_mm2
        (N,) area of the surface that each point stands for.
    distance
        Signed distance to the surface in mm, negative inside; at an end that is cut the mask is continued outwards.
    axis, limits_vox
        Voxel axis of ``distance`` along the body, and the range of indices along it in which the surface is known:
        infinite at an end that is not cut.
    """

    points_mm: Points
    areas_mm2: NDArray[np.floating]
    distance: GridImage
    axis: int
    limits_vox: tuple[float, float]

    def distance_below(self, depth_mm: float, *, device: torch.device) -> GridImage:
        """Return the distance in mm to the part of the mask this deep below the surface, 0 inside that part."""
        return replace(self.distance, data=(self.distance.data + depth_mm).clamp(min=0).to(device))

    def measure(self, points_mm: Points) -> SurfaceDistances:
        """Return the signed distances of (N, 3) world points to the surface."""
        grid = self.distance.grid
        voxels = grid.voxel_points(points_mm)
        steps = np.eye(3)
        ends = self._signed(np.concatenate([voxels, *(voxels + step for step in (*steps, *-steps))])).reshape(7, -1)
        gradients = 0.5 * (ends[1:4] - ends[4:]).T @ grid.voxel_from_world[:3, :3]
        along, (low, high) = voxels[:, self.axis], self.limits_vox
        return SurfaceDistances(ends[0], gradients, (along >= low) & (along <= high))

    def _signed(self, voxels: Points) -> NDArray[np.floating]:
        to_sampler = sampler_from_voxel(self.distance.data.shape)[:3]
        positions = torch.from_numpy(voxels @ to_sampler[:, :3].T + to_sampler[:, 3]).float()
        return values_at(self.distance.data[None, None], positions[None, :, None, None])[0, 0, :, 0, 0].double().numpy()


def mask_surface(mask: Volume, *, settings: MaskSurfaceSettings) -> MaskSurface | None:
    """Return the surface of a mask, or None if the mask vanishes at the settings' spacing.

    The mask is averaged in blocks; its surface lies where the average crosses one half, interpolated linearly between
    neighbouring blocks. If the mask's lowest or highest slice is large, the mask is cut there, by the image's border or
    by whoever drew it; that flat end is no surface of the organ and is left out.

    Parameters
    ----------
    mask
        Non-zero is inside.
    settings
        Resolution and extent.
    """
    box = mask_with_margin(mask, settings.spacing_mm)  # whole blocks around the mask
    coarse = block_average(box, block_factors(box.grid, settings.spacing_mm), window=(0, 1), device=torch.device("cpu"))
    profile = mask_profile(coarse.data >= 0.5)
    if not profile.total:
        return None
    start, stop = profile.box
    part = coarse.data[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    axis, _ = coarse.grid.superior_axis
    areas = profile.counts[axis][start[axis] : stop[axis]]
    cuts = tuple(bool(areas[end] > settings.cut_share * areas.max()) for end in (0, -1))
    spacing = coarse.grid.spacing_mm
    rim = np.ceil(settings.reach_mm / spacing).astype(int)
    grid = _around(coarse.grid, start - rim, np.array(part.shape) + 2 * rim)
    averages = _continue(part, rim, axis, cuts)
    first, last = float(rim[axis]), float(rim[axis] + part.shape[axis] - 1)
    limits = (first - 0.5 if cuts[0] else -np.inf, last + 0.5 if cuts[1] else np.inf)
    crossings, axes = _crossings(averages)
    within = (crossings[:, axis] >= limits[0]) & (crossings[:, axis] <= limits[1])
    if not within.any():
        return None
    thin = max(1, int(within.sum()) // settings.num_points)
    points_mm, axes = grid.world_points(crossings[within][::thin]), axes[within][::thin]
    distance = GridImage(_signed_distance(averages >= 0.5, spacing, settings.reach_mm), grid)
    bare = MaskSurface(points_mm, np.ones(len(points_mm)), distance, axis, limits)
    return replace(bare, areas_mm2=thin * _areas(bare, axes))


def _areas(surface: MaskSurface, axes: NDArray[np.int_]) -> NDArray[np.floating]:
    """Return the (N,) area in mm2 of the surface that each crossing along a voxel axis stands for.

    On a surface with the unit normal n there are |n_k| / f_k crossings along the axis k on each mm2, f_k being the area
    of a voxel's face across that axis. So with f_k |n_k| for each crossing, all three axes together add up to the area.
    """
    grid, gradients = surface.distance.grid, surface.measure(surface.points_mm).gradients
    directions = grid.world_from_voxel[:3, :3] / grid.spacing_mm
    lengths = np.linalg.norm(gradients, axis=1).clip(min=0.1)
    cosines = np.abs((gradients * directions.T[axes]).sum(axis=1)) / lengths
    return cosines * (grid.voxel_volume_mm3 / grid.spacing_mm[axes])


def _around(grid: Grid, first: NDArray[np.int_], shape: NDArray[np.int_]) -> Grid:
    """Return the grid with the same voxels that begins at voxel ``first``, which may lie outside."""
    matrix = grid.world_from_voxel.copy()
    matrix[:3, 3] = grid.world_points(first)
    return Grid(tuple(shape.tolist()), matrix)


def _continue(part: Tensor, rim: NDArray[np.int_], axis: int, cuts: tuple[bool, ...]) -> Tensor:
    """Return (I, J, K) averages with a rim of zeros around them, or of copies of an end slice that is a cut."""
    padded = functional.pad(part, [int(n) for n in rim[::-1].repeat(2)])
    width = int(rim[axis])
    for is_cut, begin, source in ((cuts[0], 0, width), (cuts[1], padded.shape[axis] - width, -width - 1)):
        if is_cut:
            end_slice = padded.select(axis, source).unsqueeze(axis)
            padded.narrow(axis, begin, width).copy_(end_slice.expand_as(padded.narrow(axis, begin, width)))
    return padded


def _crossings(averages: Tensor) -> tuple[Points, NDArray[np.int_]]:
    """Return (N, 3) voxel positions at which averages cross one half between two neighbours, and (N,) axes of these."""
    inside, found, axes = averages >= 0.5, [], []
    for axis in range(3):
        size = averages.shape[axis] - 1
        places = (inside.narrow(axis, 0, size) != inside.narrow(axis, 1, size)).nonzero().numpy()
        ahead = places.copy()
        ahead[:, axis] += 1
        here, there = (averages[tuple(torch.from_numpy(index.T))].double().numpy() for index in (places, ahead))
        positions = places.astype(np.float64)
        positions[:, axis] += (0.5 - here) / (there - here)
        found.append(positions)
        axes.append(np.full(len(places), axis))
    return np.concatenate(found), np.concatenate(axes)


def _signed_distance(inside: Tensor, spacing_mm: NDArray[np.floating], reach_mm: float) -> Tensor:
    """Return the signed distance in mm to the surface between voxels inside and outside, negative inside.

    A voxel's distance to the nearest voxel centre of the other kind is half a voxel more than that to the surface.
    """
    steps = spacing_mm.tolist()
    outside, depth = (distance_within(x, spacing_mm=steps, reach_mm=reach_mm) for x in (inside, ~inside))
    half = 0.5 * float(spacing_mm.mean())
    return torch.where(inside, half - depth.clamp(max=reach_mm), outside.clamp(max=reach_mm) - half)
