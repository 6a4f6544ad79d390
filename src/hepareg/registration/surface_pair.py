"""The surfaces of both masks, and the rigid pose that brings them together."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.geometry.rotations import rotation_vector
from hepareg.refinement.solvers.normal_equations import ARC_RADIUS_MM, apply_step
from hepareg.registration.mask_surface import MaskSurface, SurfaceDistances
from hepareg.transforms import RigidTransform

__all__ = ["SurfaceErrorSettings", "SurfaceFit", "SurfacePair", "step_between"]


@dataclass(frozen=True)
class SurfaceErrorSettings:
    """Errors of a mask's surface, and the end of the search for a pose.

    Parameters
    ----------
    least_error_mm
        Standard deviation of a surface point's error, even if the surfaces agree better.
    correlation_mm
        Points of a surface nearer to each other than this share their error: a square of this edge is one observation.
    outlier_factor
        Distances beyond this multiple of their robust standard deviation lose weight (Huber), such as those of a
        kidney or a part of the heart in one of the masks.
    iterations, tolerance_mm
        Most Gauss-Newton steps, and the length of the last one.
    """

    least_error_mm: float = 1.5
    correlation_mm: float = 30.0
    outlier_factor: float = 4.0
    iterations: int = 20
    tolerance_mm: float = 0.01


class SurfaceFit(NamedTuple):
    """A pose, sampled_from_template, and the (6, 6) information per mm^2 that the surfaces have about it."""

    pose: RigidTransform
    information: NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class SurfacePair:
    """The surfaces of both masks, in the roles of a level; poses are sampled_from_template.

    Parameters
    ----------
    template, sampled
        The surfaces.
    centre_mm
        (3,) point about which small motions rotate, world mm of the template.
    settings
        Errors of the surfaces.

    References
    ----------
    Chen, Y. and Medioni, G. Object modelling by registration of multiple range images. Image and Vision Computing 10,
    1992 (distances along the normal of a surface). doi:10.1016/0262-8856(92)90066-C
    """

    template: MaskSurface
    sampled: MaskSurface
    centre_mm: NDArray[np.floating]
    settings: SurfaceErrorSettings

    def fit(self, start: RigidTransform, prior: NDArray[np.floating]) -> SurfaceFit:
        """Return the pose of the largest posterior density.

        Parameters
        ----------
        start
            Mean of the Gaussian prior, at which the iteration begins.
        prior
            (6, 6) information of the prior, per mm^2; positive definite.
        """
        pose = start
        for _ in range(self.settings.iterations):
            hessian, gradient = self.equations(pose)
            step = -np.linalg.solve(
                prior + hessian, gradient - prior @ step_between(pose, start, centre_mm=self.centre_mm)
            )
            pose = RigidTransform(apply_step(pose, step, self.centre_mm).matrix)
            if np.linalg.norm(step) < self.settings.tolerance_mm:
                break
        return SurfaceFit(pose, hessian)

    def equations(self, pose: RigidTransform) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return Hessian (6, 6) per mm^2 and gradient (6,) per mm of half the sum of squared, weighted distances.

        Points of each surface are measured against the other one, both ways with half the weight.
        """
        arrived = pose.inverse().apply(self.sampled.points_mm)
        there = self.sampled.measure(pose.apply(self.template.points_mm))
        here = self.template.measure(arrived)
        there = replace(there, gradients=there.gradients @ pose.rotation)
        here = replace(here, gradients=-here.gradients)
        halves = (there, self.template.points_mm, self.template), (here, arrived, self.sampled)
        parts = [self._rows(found, points_mm, surface.areas_mm2) for found, points_mm, surface in halves]
        distances, J, weights = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        weighted = J * (weights * self._certainty(distances, weights))[:, None]
        return weighted.T @ J, weighted.T @ distances

    def _rows(
        self, found: SurfaceDistances, points_mm: Points, areas_mm2: NDArray[np.floating]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
        """Return the distances of the comparable points, their (N, 6) derivatives by a small motion, and weights."""
        gradients, offsets = found.gradients[found.comparable], points_mm[found.comparable] - self.centre_mm
        J = np.concatenate([np.cross(offsets, gradients) / ARC_RADIUS_MM, gradients], axis=1)
        return found.mm[found.comparable], J, 0.5 * areas_mm2[found.comparable] / self.settings.correlation_mm**2

    def _certainty(self, distances: NDArray[np.floating], weights: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return Huber's (N,) weights divided by the variance of one observation, per mm^2.

        Huber's limit is a multiple of 1.4826 times the median distance, a standard deviation that few outliers change.
        The variance is the weighted mean of the squared distances, and at least that of ``settings.least_error_mm``.

        References
        ----------
        Huber, P. J. Robust estimation of a location parameter. Annals of Mathematical Statistics 35, 1964.
        doi:10.1214/aoms/1177703732
        """
        if not len(distances):
            return distances
        least_mm, away = self.settings.least_error_mm, np.abs(distances)
        limit = self.settings.outlier_factor * max(1.4826 * float(np.median(away)), least_mm)
        robust = np.minimum(1.0, limit / np.maximum(away, limit))
        variance = float((weights * robust) @ distances**2 / (weights @ robust))
        return robust / max(variance, least_mm**2)


def step_between(
    pose: RigidTransform, target: RigidTransform, *, centre_mm: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return the (6,) step in mm that takes a pose to a target (`apply_step`)."""
    way = RigidTransform((pose.inverse() @ target).matrix)
    return np.concatenate([ARC_RADIUS_MM * rotation_vector(way.rotation), way.translation_at(centre_mm)])
