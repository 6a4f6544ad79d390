"""Distance between the surfaces of the two liver masks after the pose, part by part of the liver."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.geometry import apply_matrix
from hepareg.refinement.images.block_average import GridImage, block_average, block_factors
from hepareg.refinement.images.distance import distance_within
from hepareg.refinement.images.region import mask_with_margin
from hepareg.transforms import RigidTransform
from hepareg.transforms.warp import sampler_from_voxel, values_at
from hepareg.volume import Volume
from hepareg.voxel_tensor import small_tensor, voxel_tensor

__all__ = ["surface_shift_mm"]

SPACING_MM = 3.0
"""Resolution of the maps of distances; the surfaces are placed between their voxels."""
REACH_MM = 10.0
"""Larger distances than this count as this: the surface of another part would be nearest."""
NEAR_MM = 4.0
"""Distances up to this are enough to find the voxels beside a surface, and the surface between them."""
BLOCK_MM = 45.0
"""Edge of the parts over which distances are averaged: a ragged outline averages out, the motion of a lobe does not."""
MIN_POINTS = 60
"""A part with fewer points, about 4 cm^2 of surface, is left out."""
CUT_SHARE = 0.15
"""A face of the image cuts a mask with more than this share of the mask's largest slice in the face's own slice."""
BORDER_MM = 4.0
"""Points nearer to a face that cuts the liver are left out: the mask ends there, the liver does not."""


def surface_shift_mm(reference_mask: Volume, searched_mask: Volume, result: RigidTransform) -> float | None:
    """Return the largest mean distance in mm, over all parts of the liver, between the surfaces of two masks.

    Distances are signed, positive where the reference's surface lies outside the other mask, and averaged over the
    surface in cubes of `BLOCK_MM`; the largest absolute mean is returned. None if no cube has enough surface.

    Parameters
    ----------
    reference_mask, searched_mask
        The masks.
    result
        Pose, searched_from_reference.
    """
    points = _surface_points(_signed_distance(reference_mask, NEAR_MM))
    placed = result.apply(points)
    seen = _away_from_cuts(reference_mask, points) & _away_from_cuts(searched_mask, placed)
    if np.count_nonzero(seen) < MIN_POINTS:
        return None
    points, placed = points[seen], placed[seen]
    distances = _values(_signed_distance(searched_mask, REACH_MM), placed)
    cubes = np.floor((points - points.mean(axis=0)) / BLOCK_MM + 0.5).astype(int)
    cubes -= cubes.min(axis=0)
    cube = np.ravel_multi_index(cubes.T, cubes.max(axis=0) + 1)
    counts = np.bincount(cube)
    full = counts >= MIN_POINTS
    sums = np.bincount(cube, distances)
    return float(np.abs(sums[full] / counts[full]).max()) if full.any() else None


def _signed_distance(mask: Volume, reach_mm: float) -> GridImage:
    """Return the distance in mm to a mask's surface, negative inside, at most ``reach_mm``, around the mask's box."""
    around = mask_with_margin(mask, reach_mm)
    voxels: Any = voxel_tensor(around.data).to(torch.uint8)  # bytes are averaged several times faster than truth values
    factors = block_factors(around.grid, SPACING_MM)
    coarse = block_average(around.with_data(voxels), factors, window=(0, 1), device=voxels.device)
    inside, spacing = coarse.data >= 0.5, coarse.grid.spacing_mm
    outwards, inwards = (
        distance_within(part, spacing_mm=spacing.tolist(), reach_mm=reach_mm) for part in (inside, ~inside)
    )
    half = float(spacing.mean()) / 2  # distances run from voxel centre to voxel centre, across the surface
    signed = torch.where(inside, half - inwards, outwards - half).clamp(-reach_mm, reach_mm)
    return GridImage(signed, coarse.grid)


def _surface_points(distance: GridImage) -> Points:
    """Return (N, 3) world points on the surface, one for each voxel beside it, moved there along the gradient."""
    values = distance.data.cpu().numpy()
    voxels = np.argwhere(np.abs(values) < distance.grid.spacing_mm.max())
    inner = ((voxels > 0) & (voxels < np.array(values.shape) - 1)).all(axis=1)
    voxels = voxels[inner]
    steps = np.eye(3, dtype=int)
    slopes = np.stack([values[tuple((voxels + s).T)] - values[tuple((voxels - s).T)] for s in steps], axis=1)
    axes = distance.grid.world_from_voxel[:3, :3] / distance.grid.spacing_mm**2
    normals = slopes @ axes.T
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    ways = values[tuple(voxels.T)][:, None] * normals / np.maximum(lengths, 1e-6)
    return distance.grid.world_points(voxels) - ways


def _values(distance: GridImage, points_mm: Points) -> NDArray[np.floating]:
    """Return the (N,) interpolated values at world points; points outside the map are `REACH_MM` away."""
    positions = apply_matrix(sampler_from_voxel(distance.data.shape) @ distance.grid.voxel_from_world, points_mm)
    places = small_tensor(positions, distance.data.device, torch.float32)[None, :, None, None]
    found = values_at(distance.data[None, None], places).flatten().cpu().numpy()
    return np.where((np.abs(positions) <= 1).all(axis=1), found, REACH_MM)


def _away_from_cuts(mask: Volume, points_mm: Points) -> NDArray[np.bool_]:
    """Return whether each of (N, 3) points lies `BORDER_MM` or more inside every face that cuts the mask."""
    voxels = mask.grid.voxel_points(points_mm)
    away = np.ones(len(voxels), dtype=bool)
    for axis, (counts, margin) in enumerate(zip(mask.profile.counts, BORDER_MM / mask.grid.spacing_mm, strict=True)):
        cut = CUT_SHARE * counts.max()
        away &= (counts[0] <= cut) | (voxels[:, axis] >= margin)
        away &= (counts[-1] <= cut) | (voxels[:, axis] <= len(counts) - 1 - margin)
    return away
