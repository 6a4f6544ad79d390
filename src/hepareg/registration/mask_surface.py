"""The surface of a liver mask: points on it, and the signed distance of any point to it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import KDTree
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
from hepareg.voxel_tensor import voxel_tensor

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
    border_mm, rim_mm
        At an end that is cut the surface is not used nearer to the cut than this, and the mask is continued this far.
    cut_share, border_share
        A mask is cut at its lower or upper end if its end slice has more than the first share of the largest slice's
        area, and at any face of the image in which it has more than the second share.
    """

    spacing_mm: float = 3.0
    reach_mm: float = 25.0
    num_points: int = 3000
    border_mm: float = 4.0
    rim_mm: float = 15.0
    cut_share: float = 0.25
    border_share: float = 0.15


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
    normals
        (N, 3) outward unit normals at the points.
    near, near_normals
        All M points of the surface for the search of the nearest one, and their (M, 3) outward unit normals. At an end
        that is cut the surface is continued outwards.
    averages
        Share of each block that lies in the mask, 0 to 1; at an end that is cut the mask is continued outwards.
    limits_vox
        (2, 3) smallest and largest voxel index along each axis of ``averages`` at which the surface is known: infinite
        at an end that is not cut.
    reach_mm
        Distances are at most this, inside and outside.
    """

    points_mm: Points
    areas_mm2: NDArray[np.floating]
    normals: Points
    near: KDTree
    near_normals: Points
    averages: GridImage
    limits_vox: NDArray[np.floating]
    reach_mm: float

    def thinned(self, num_points: int) -> "MaskSurface":
        """Return the surface with about this number of points, each of which stands for more of the area."""
        step = max(1, len(self.points_mm) // num_points)
        return replace(
            self,
            points_mm=self.points_mm[::step],
            areas_mm2=step * self.areas_mm2[::step],
            normals=self.normals[::step],
        )

    def distance_below(self, depth_mm: float, *, device: torch.device) -> GridImage:
        """Return the distance in mm to the part of the mask this deep below the surface, 0 inside that part."""
        distance = _signed_distance(self.averages.data >= 0.5, self.averages.grid.spacing_mm, self.reach_mm)
        return replace(self.averages, data=(distance + depth_mm).clamp(min=0).to(device))

    def measure(self, points_mm: Points) -> SurfaceDistances:
        """Return the signed distances of (N, 3) world points to the surface.

        The surface near its nearest known point is a disc with that point's normal, as wide as a block.
        """
        _, nearest = self.near.query(points_mm)
        offsets, normals = points_mm - self.near.data[nearest], self.near_normals[nearest]
        above = (offsets * normals).sum(axis=1)
        aside = offsets - above[:, None] * normals
        lengths = np.linalg.norm(aside, axis=1, keepdims=True)
        aside *= (1 - self.averages.grid.spacing_mm.max() / np.maximum(lengths, 1e-6)).clip(min=0)
        ways = above[:, None] * normals + aside
        signed = np.where(above < 0, -1, 1) * np.linalg.norm(ways, axis=1)
        beside = aside.any(axis=1) & (np.abs(signed) > 0)
        gradients = np.where(beside[:, None], ways / np.where(beside, signed, 1)[:, None], normals)
        gradients[np.abs(signed) >= self.reach_mm] = 0
        voxels, (low, high) = self.averages.grid.voxel_points(points_mm), self.limits_vox
        comparable = ((voxels >= low) & (voxels <= high)).all(axis=1)
        return SurfaceDistances(signed.clip(-self.reach_mm, self.reach_mm), gradients, comparable)


def mask_surface(mask: Volume, *, settings: MaskSurfaceSettings) -> MaskSurface | None:
    """Return the surface of a mask, or None if the mask vanishes at the settings' spacing.

    The mask is averaged in blocks; its surface lies where the average crosses one half, interpolated linearly between
    neighbouring blocks. If the mask's lowest or highest slice is large, the mask is cut there, by the image's border or
    by whoever drew it; at the other ends it is cut where a large slice lies at the image's border. A flat end is no
    surface of the organ and is left out.

    Parameters
    ----------
    mask
        Non-zero is inside.
    settings
        Resolution and extent.
    """
    coarse = _averages(mask, settings.spacing_mm)
    profile = mask_profile(coarse.data >= 0.5)
    if not profile.total:
        return None
    start, stop = profile.box
    part = coarse.data[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    axis, _ = coarse.grid.superior_axis
    cuts = _are_large(mask.profile.counts, settings.border_share)
    cuts[:, axis] |= _are_large([profile.counts[axis][start[axis] : stop[axis]]], settings.cut_share)[:, 0]
    rim = np.ceil(settings.rim_mm / coarse.grid.spacing_mm).astype(int)
    grid = coarse.grid.window(start - rim, np.array(part.shape) + 2 * rim)
    averages = _continue(part, rim, cuts)
    border = settings.border_mm / coarse.grid.spacing_mm - 0.5
    limits = np.where(cuts, [rim + border, rim + np.array(part.shape) - 1 - border], [[-np.inf], [np.inf]])
    crossings, axes = _crossings(averages)
    within = ((crossings >= limits[0]) & (crossings <= limits[1])).all(axis=1)
    if not within.any():
        return None
    points_mm, image = grid.world_points(crossings), GridImage(averages, grid)
    normals = _normals(image, crossings)
    return MaskSurface(
        points_mm=points_mm[within],
        areas_mm2=_areas(grid, axes[within], normals[within]),
        normals=normals[within],
        near=KDTree(points_mm, balanced_tree=False, compact_nodes=False),
        near_normals=normals,
        averages=image,
        limits_vox=limits,
        reach_mm=settings.reach_mm,
    ).thinned(settings.num_points)


def _averages(mask: Volume, spacing_mm: float) -> GridImage:
    """Return the mask averaged in blocks of about an edge on its own device, with whole blocks of zeros around it."""
    box = mask_with_margin(mask, spacing_mm)
    voxels: Any = voxel_tensor(box.data).to(torch.uint8)  # bytes are averaged several times faster than truth values
    factors = block_factors(box.grid, spacing_mm)
    coarse = block_average(box.with_data(voxels), factors, window=(0, 1), device=voxels.device)
    return replace(coarse, data=coarse.data.cpu())


def _are_large(areas: Sequence[NDArray[np.int_]], share: float) -> NDArray[np.bool_]:
    """Return (2, A) whether the first and the last slice along A axes exceed a share of that axis' largest slice."""
    return np.array([[counts[end] > share * counts.max() for counts in areas] for end in (0, -1)])


def _normals(averages: GridImage, voxels: Points) -> Points:
    """Return the (N, 3) outward unit normals in the world, at (N, 3) voxel positions on the surface."""
    smooth, steps = functional.avg_pool3d(averages.data[None, None], 3, stride=1, padding=1), np.eye(3)
    to_sampler = sampler_from_voxel(averages.data.shape)[:3]
    places = np.concatenate([voxels + step for step in (*steps, *-steps)]) @ to_sampler[:, :3].T + to_sampler[:, 3]
    positions = torch.from_numpy(places).float()[None, :, None, None]
    found = values_at(smooth, positions).double().numpy().reshape(6, -1)
    gradients = (found[3:] - found[:3]).T @ averages.grid.voxel_from_world[:3, :3]
    return gradients / np.linalg.norm(gradients, axis=1, keepdims=True).clip(min=1e-6)


def _areas(grid: Grid, axes: NDArray[np.int_], normals: Points) -> NDArray[np.floating]:
    """Return the (N,) area in mm2 of the surface that each crossing along a voxel axis stands for.

    On a surface with the unit normal n there are |n_k| / f_k crossings along the axis k on each mm2, f_k being the area
    of a voxel's face across that axis. So with f_k |n_k| for each crossing, all three axes together add up to the area.
    """
    directions = grid.world_from_voxel[:3, :3] / grid.spacing_mm
    cosines = np.abs((normals * directions.T[axes]).sum(axis=1))
    return cosines * (grid.voxel_volume_mm3 / grid.spacing_mm[axes])


def _continue(part: Tensor, rim: NDArray[np.int_], cuts: NDArray[np.bool_]) -> Tensor:
    """Return (I, J, K) averages with a rim of zeros around them, or of copies of an end slice that is a cut."""
    padded = functional.pad(part, [int(n) for n in rim[::-1].repeat(2)])
    for end, axis in np.argwhere(cuts):
        width = int(rim[axis])
        begin, source = ((0, width), (padded.shape[axis] - width, padded.shape[axis] - width - 1))[end]
        rim_slices = padded.narrow(axis, begin, width)
        rim_slices.copy_(padded.narrow(axis, source, 1).expand_as(rim_slices))
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
    return torch.where(inside, half - depth, outside - half).clamp(-reach_mm, reach_mm)
