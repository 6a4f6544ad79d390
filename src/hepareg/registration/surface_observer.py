"""Observations of the displacement that remains after a pose, from the surfaces of both liver masks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.registration.mask_surface import MaskSurface
from hepareg.transforms import RigidTransform

__all__ = ["SurfaceObserver", "SurfaceObserverSettings"]


@dataclass(frozen=True)
class SurfaceObserverSettings:
    """Trust in the masks' surfaces.

    Parameters
    ----------
    error_mm, patch_mm
        Standard deviation of the distance between two surfaces drawn in two images of one liver, and the width of the
        patch of surface that errs as one. Surfaces of rigid livers were 1.4 to 1.8 mm apart (rms of 45 mm blocks).
    least_cosine
        Two surfaces are not compared where their normals differ by more than the angle of this cosine.
    num_points
        Approximate number of points of the surface that are used.
    """

    error_mm: float = 2.0
    patch_mm: float = 30.0
    least_cosine: float = 0.3
    num_points: int = 400


class SurfaceObserver:
    """Distances from points on the surface of one mask, moved by a pose, to the surface of the other mask.

    Parameters
    ----------
    reference, searched
        Surfaces of the masks in the worlds of their images. Where they are farther apart than the reach of the
        searched one, they are not compared.
    pose
        searched_from_reference; it stays fixed.
    settings
        Trust in the surfaces.
    """

    def __init__(
        self,
        reference: MaskSurface,
        searched: MaskSurface,
        pose: RigidTransform,
        *,
        settings: SurfaceObserverSettings,
    ) -> None:
        thin = reference.thinned(settings.num_points)
        self.points_mm: Points = thin.points_mm
        self._normals, self._searched, self._pose = thin.normals, searched, pose
        self._weights = thin.areas_mm2 / (settings.patch_mm * settings.error_mm) ** 2
        self._least_cosine = settings.least_cosine

    def observe(self, displacement_mm: Points) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return Hessians and gradients of the points (`smooth_field.Observer`)."""
        distance, gradients, used = self._distances(displacement_mm)
        weights = self._weights * used
        return (
            weights[:, None, None] * gradients[:, :, None] * gradients[:, None],
            (weights * distance)[:, None] * gradients,
        )

    def rms_mm(self) -> float:
        """Return the root mean square distance in mm between the surfaces at the pose; NaN if none are compared."""
        distance, _, used = self._distances(np.zeros_like(self.points_mm))
        weights = self._weights * used
        return float(np.sqrt(weights @ np.square(distance) / weights.sum())) if used.any() else float("nan")

    def _distances(self, displacement_mm: Points) -> tuple[NDArray[np.floating], Points, NDArray[np.bool_]]:
        """Return (N,) distances, their (N, 3) gradients in the reference world, and which points are compared."""
        found = self._searched.measure(self._pose.apply(self.points_mm + displacement_mm))
        gradients = found.gradients @ self._pose.rotation
        lengths = np.maximum(np.linalg.norm(gradients, axis=1), 1e-6)
        alike = (gradients * self._normals).sum(axis=1) >= self._least_cosine * lengths
        near = np.abs(found.mm) < self._searched.reach_mm
        return found.mm, gradients, alike & near & found.comparable
