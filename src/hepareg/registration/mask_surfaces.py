"""Observations of the displacement that remains after a pose, from the surfaces of both liver masks."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from hepareg.arrays import Points
from hepareg.geometry import Grid
from hepareg.refinement.images.block_average import block_average, block_factors
from hepareg.refinement.images.region import mask_with_margin
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["MaskSurfaceSettings", "MaskSurfaces", "SignedDistance", "signed_distance"]


@dataclass(frozen=True)
class MaskSurfaceSettings:
    """Resolution and trust of the masks' surfaces.

    Parameters
    ----------
    spacing_mm
        Spacing of the maps of distances.
    reach_mm
        Surfaces farther apart than this are not compared.
    error_mm, patch_mm
        Standard deviation of the distance between two surfaces drawn in two images of one liver, and the width of the
        patch of surface that errs as one. Surfaces of rigid livers were 1.4 to 1.8 mm apart (rms of 45 mm blocks).
    border_mm
        The surface is not used nearer than this to a border of an image, where the image may cut the liver.
    least_cosine
        Two surfaces are not compared where their normals differ by more than the angle of this cosine.
    max_points
        Number of points of the surface that are used, about.
    """

    spacing_mm: float = 5.0
    reach_mm: float = 25.0
    error_mm: float = 2.0
    patch_mm: float = 30.0
    border_mm: float = 4.0
    least_cosine: float = 0.3
    max_points: int = 400


@dataclass(frozen=True, eq=False)
class SignedDistance:
    """Distance in mm to the surface of a mask, negative inside.

    Parameters
    ----------
    grid
        Grid of the map, coarser than the mask's.
    distance_mm
        (I, J, K) distances at the grid's points, up to a reach.
    slopes
        (3, I, J, K) derivatives of the distance along the world axes.
    """

    grid: Grid
    distance_mm: NDArray[np.floating]
    slopes: NDArray[np.floating]

    def at(self, points_mm: Points) -> tuple[NDArray[np.floating], Points]:
        """Return the (N,) distances in mm and their (N, 3) gradients at (N, 3) points of the mask's world."""
        voxels = self.grid.voxel_points(points_mm).T
        values = [
            ndimage.map_coordinates(part, voxels, order=1, mode="nearest") for part in (self.distance_mm, *self.slopes)
        ]
        return values[0], np.stack(values[1:], axis=-1)

    def surface(self) -> tuple[Points, Points]:
        """Return (N, 3) points on the surface, and the (N, 3) normals there, which point outwards."""
        near = np.argwhere(np.abs(self.distance_mm) <= self.grid.spacing_mm.max())
        points = self.grid.world_points(near)
        distance, slopes = self.at(points)
        normals = slopes / np.maximum(np.linalg.norm(slopes, axis=1, keepdims=True), 1e-6)
        return points - distance[:, None] * normals, normals


def signed_distance(mask: Volume, *, spacing_mm: float, reach_mm: float) -> SignedDistance:
    """Return the signed distance to a mask's surface, exact between voxel centres.

    Parameters
    ----------
    mask
        Non-zero inside.
    spacing_mm
        Voxels are averaged to blocks of about this edge; a block belongs to the mask if at least half of it does.
    reach_mm
        Margin of the map around the mask.
    """
    around = mask_with_margin(mask, reach_mm)
    coarse = block_average(around, block_factors(around.grid, spacing_mm), window=(0, 1), device=torch.device("cpu"))
    inside, steps = coarse.data.numpy() >= 0.5, coarse.grid.spacing_mm.tolist()
    # The surface lies halfway between the centre of a voxel and that of the nearest one on the other side.
    half = 0.5 * float(coarse.grid.voxel_volume_mm3 ** (1 / 3))
    outwards, inwards = (ndimage.distance_transform_edt(side, sampling=steps) - half for side in (~inside, inside))
    distance = np.where(inside, -inwards, outwards)
    along_voxels = np.stack(np.gradient(distance))
    slopes = np.tensordot(coarse.grid.voxel_from_world[:3, :3].T, along_voxels, axes=1)
    return SignedDistance(coarse.grid, distance, slopes)


class MaskSurfaces:
    """Distances from points on the surface of one mask, moved by a pose, to the surface of the other mask.

    Parameters
    ----------
    reference_mask, searched_mask
        Liver masks in the worlds of their images.
    pose
        searched_from_reference; it stays fixed.
    settings
        Resolution and trust.
    """

    def __init__(
        self, reference_mask: Volume, searched_mask: Volume, pose: RigidTransform, *, settings: MaskSurfaceSettings
    ) -> None:
        sizes = {"spacing_mm": settings.spacing_mm, "reach_mm": settings.reach_mm}
        reference = signed_distance(reference_mask, **sizes)
        self._searched, self._searched_grid = signed_distance(searched_mask, **sizes), searched_mask.grid
        points, normals = reference.surface()
        seen = _within(reference_mask.grid, points, settings.border_mm)
        points, normals = points[seen], normals[seen]
        thin = slice(None, None, max(1, len(points) // settings.max_points))
        self.points_mm: Points = points[thin]
        self._normals, self._pose, self._settings = normals[thin], pose, settings
        # A layer of 2 * spacing around the surface was taken: its volume over its thickness is the area.
        area_mm2 = reference.grid.voxel_volume_mm3 / (2 * reference.grid.spacing_mm.max()) * (thin.step or 1)
        self._weight = area_mm2 / (settings.patch_mm * settings.error_mm) ** 2

    def observe(self, displacement_mm: Points) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return Hessians and gradients of the points (`smooth_field.Observer`)."""
        distance, normals, used = self._distances(displacement_mm)
        weights = self._weight * used
        return weights[:, None, None] * normals[:, :, None] * normals[:, None], (weights * distance)[:, None] * normals

    def rms_mm(self) -> float:
        """Return the root mean square distance in mm between the surfaces at the pose; NaN if none are compared."""
        distance, _, used = self._distances(np.zeros_like(self.points_mm))
        return float(np.sqrt(np.mean(np.square(distance[used])))) if used.any() else float("nan")

    def _distances(self, displacement_mm: Points) -> tuple[NDArray[np.floating], Points, NDArray[np.bool_]]:
        """Return (N,) distances, their (N, 3) gradients in the reference world, and which points are compared."""
        places = self._pose.apply(self.points_mm + displacement_mm)
        distance, gradients = self._searched.at(places)
        gradients = gradients @ self._pose.rotation
        lengths = np.maximum(np.linalg.norm(gradients, axis=1), 1e-6)
        alike = (gradients * self._normals).sum(axis=1) >= self._settings.least_cosine * lengths
        near = np.abs(distance) < self._settings.reach_mm
        return distance, gradients, alike & near & _within(self._searched_grid, places, self._settings.border_mm)


def _within(grid: Grid, points_mm: Points, border_mm: float) -> NDArray[np.bool_]:
    """Return which of (N, 3) points lie inside a grid, farther than ``border_mm`` from its border."""
    voxels, border = grid.voxel_points(points_mm), border_mm / grid.spacing_mm
    return ((voxels > border - 0.5) & (voxels < np.array(grid.shape) - 0.5 - border)).all(axis=1)
