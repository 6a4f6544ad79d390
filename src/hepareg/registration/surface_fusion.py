"""The pose that images and mask surfaces support together: the masks decide where the liver shows no texture.

The residual compares voxels in and around the liver. In a liver with visible vessels, those inside determine the pose.
In a liver without, nearly all of the residual's information lies at the surface and in the tissue around it: ribs, heart
and the wall of the body, which need not move as the liver does. If they do not, the liver's own edge does not help: as
long as it is displaced by more than a cell, its residual is so large that the robust weights silence it.

So both masks' surfaces are a second observation of the pose:

1. The pose of the surfaces minimises the distances between them. The error of one surface point is taken from the
   distances that remain, and points within a correlation length of each other share it.
2. If the surfaces are compatible with the pose of the images, that pose stays: image edges are more accurate than
   masks. If not, either the masks are wrong or the tissue around the liver misled the images.
3. Then only the texture inside the liver speaks for the pose of the images: with the information, the inverse of a
   covariance, of cells well below the surface. Noise seems to have information about any pose; only what exceeds it
   counts. The posterior of both, images and surfaces as independent Gaussian observations, is the pose. Where vessels
   are visible, the images have some hundred times the surfaces' information, and the pose stays.

References
----------
Huber, P. J. Robust estimation of a location parameter. Annals of Mathematical Statistics 35, 1964.
doi:10.1214/aoms/1177703732
Chen, Y. and Medioni, G. Object modelling by registration of multiple range images. Image and Vision Computing 10,
1992 (distances along the normal of a surface). doi:10.1016/0262-8856(92)90066-C
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.geometry.rotations import rotation_vector
from hepareg.refinement.images.template_cells import cut_cells
from hepareg.refinement.level import Level
from hepareg.refinement.solvers.normal_equations import ARC_RADIUS_MM, apply_step, apply_steps
from hepareg.registration.both_directions import interpolate_poses
from hepareg.registration.mask_surface import MaskSurface, MaskSurfaceSettings, SurfaceDistances, mask_surface
from hepareg.registration.pose_uncertainty import Estimate, mean_distances_mm, root_mean_square_tre
from hepareg.registration.problem import Problem
from hepareg.transforms import RigidTransform

__all__ = ["SurfaceFusionSettings", "fuse_surfaces", "texture_information"]


@dataclass(frozen=True)
class SurfaceFusionSettings:
    """Errors of a mask's surface, and the part of the images that counts as texture.

    Parameters
    ----------
    compared, surface
        Resolution of the surfaces when their compatibility with the images is tested, and when they decide the pose.
    least_error_mm
        Standard deviation of a surface point's error, even if the surfaces agree better.
    correlation_mm
        Points of a surface nearer to each other than this share their error: a square of this edge is one observation.
    outlier_factor
        Distances beyond this multiple of their robust standard deviation lose weight (Huber), such as those of a
        kidney or a part of the heart in one of the masks.
    incompatible
        Squared distance, in standard deviations of the surfaces' pose, at which the tissue around the liver is as
        likely as not to have misled the images: 80 % of chi-squared with six degrees of freedom lie below.
    negligible_mm
        A change of the pose below this is not made.
    inside_mm
        Cells this deep below the mask's surface lie inside the liver, even if the mask's outline is inaccurate.
    noise_factor
        Number of neighbouring voxels whose residuals count as one independent observation.
    decoy_mm
        Distance of the wrong poses at which the information in noise is measured.
    prior_mm
        Standard deviation of the surroundings' evidence if they misled the images; keeps a direction determined in
        which a surface can slide along itself.
    iterations, tolerance_mm
        Most Gauss-Newton steps, and the length of the last one.
    """

    compared: MaskSurfaceSettings = field(default_factory=lambda: MaskSurfaceSettings(spacing_mm=4.0, num_points=750))
    surface: MaskSurfaceSettings = field(default_factory=MaskSurfaceSettings)
    least_error_mm: float = 1.5
    correlation_mm: float = 30.0
    outlier_factor: float = 4.0
    incompatible: float = 8.6
    negligible_mm: float = 0.005
    inside_mm: float = 5.0
    noise_factor: float = 8.0
    decoy_mm: float = 8.0
    prior_mm: float = 15.0
    iterations: int = 20
    tolerance_mm: float = 0.01


class SurfaceEquations(NamedTuple):
    """Normal equations of the distances between two surfaces about a pose: (6, 6) per mm^2 and (6,) per mm."""

    hessian: NDArray[np.floating]
    gradient: NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class SurfacePair:
    """The surfaces of both masks in the roles of a level, whose poses are sampled_from_template."""

    template: MaskSurface
    sampled: MaskSurface
    centre_mm: NDArray[np.floating]
    settings: SurfaceFusionSettings

    def equations(self, pose: RigidTransform) -> SurfaceEquations:
        """Return the normal equations of the distances from each surface to the other, both with half the weight."""
        arrived = pose.inverse().apply(self.sampled.points_mm)
        there = self.sampled.measure(pose.apply(self.template.points_mm))
        here = self.template.measure(arrived)
        there = replace(there, gradients=there.gradients @ pose.rotation)
        here = replace(here, gradients=-here.gradients)
        halves = ((there, self.template.points_mm, self.template), (here, arrived, self.sampled))
        parts = [self._rows(found, points, surface.areas_mm2) for found, points, surface in halves]
        distances, J, weights = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return _weighted(distances, J, weights, self.settings)

    def most_likely(
        self, start: RigidTransform, prior: NDArray[np.floating]
    ) -> tuple[RigidTransform, NDArray[np.floating]]:
        """Return the pose of the largest posterior density, and the surfaces' (6, 6) information there, per mm^2.

        The prior density is a Gaussian about ``start`` with the (6, 6) information ``prior``.
        """
        pose = start
        for _ in range(self.settings.iterations):
            found = self.equations(pose)
            gradient = found.gradient - prior @ _step_between(pose, start, self.centre_mm)
            step = -np.linalg.solve(prior + found.hessian, gradient)
            pose = RigidTransform(apply_step(pose, step, self.centre_mm).matrix)
            if np.linalg.norm(step) < self.settings.tolerance_mm:
                break
        return pose, found.hessian

    def _rows(
        self, found: SurfaceDistances, points_mm: Points, areas_mm2: NDArray[np.floating]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
        """Return the distances of the comparable points, their (N, 6) derivatives by a small motion, and weights."""
        weights = 0.5 * areas_mm2[found.comparable] / self.settings.correlation_mm**2
        gradients, offsets = found.gradients[found.comparable], points_mm[found.comparable] - self.centre_mm
        J = np.concatenate([np.cross(offsets, gradients) / ARC_RADIUS_MM, gradients], axis=1)
        return found.mm[found.comparable], J, weights


def fuse_surfaces(problem: Problem, level: Level, estimate: Estimate, *, settings: SurfaceFusionSettings) -> Estimate:
    """Return the estimate whose pose both the images and the surfaces of both masks support.

    Parameters
    ----------
    problem
        Images and masks.
    level
        The finest level.
    estimate
        Pose that the images support, searched_from_reference.
    settings
        Errors of the surfaces, and the part of the images that counts.

    Returns
    -------
    Estimate
        The estimate itself if a mask is missing, or if the surfaces would hardly change the pose.

    Notes
    -----
    With q the step from the surfaces' pose to the images' pose, L the surfaces' information and Q = q' L q, the tissue
    around the liver is taken to have misled the images with the probability p = 1 / (1 + exp((Q_0 - Q) / 2)), Q_0 being
    ``settings.incompatible``. The result lies the share p of the way from the images' pose to the pose of the largest
    posterior density, whose prior is the texture inside the liver. Its variance is that of a mixture of both poses.
    """
    if not problem.has_both_masks:
        return estimate
    start = level.direction.to_solver(estimate.transform)
    points_mm = level.direction.carry(problem.points_mm, estimate.transform)
    weak = np.eye(6) / settings.prior_mm**2
    misled = 0.0
    for resolution in (settings.compared, settings.surface):
        pair = _surface_pair(problem, level, resolution, settings)
        if pair is None:
            return estimate
        misled, change_mm = _contradiction(pair, start, weak, points_mm)
        if misled * change_mm < settings.negligible_mm:
            return estimate
    prior = weak + texture_information(level, start, template=pair.template, settings=settings)
    fused, information = pair.most_likely(start, prior)
    apart_mm = float(mean_distances_mm([fused], start, points_mm)[0])
    if misled * apart_mm < settings.negligible_mm:
        return estimate
    error_mm = root_mean_square_tre(np.linalg.inv(prior + information), points_mm - pair.centre_mm)
    variance = (1 - misled) * estimate.uncertainty_mm**2 + misled * (error_mm**2 + (1 - misled) * apart_mm**2)
    pose = interpolate_poses(start, fused, share=misled, centre_mm=pair.centre_mm)
    return replace(estimate, transform=level.direction.to_user(pose), uncertainty_mm=float(np.sqrt(variance)))


def _contradiction(
    pair: SurfacePair, start: RigidTransform, weak: NDArray[np.floating], points_mm: Points
) -> tuple[float, float]:
    """Return the probability that the images were misled, and the mean distance in mm to the pose of the surfaces."""
    by_surfaces, information = pair.most_likely(start, weak)
    way = _step_between(by_surfaces, start, pair.centre_mm)
    excess = float(way @ information @ way) - pair.settings.incompatible
    misled = 1 / (1 + np.exp(np.clip(-0.5 * excess, -50, 50)))
    return float(misled), float(mean_distances_mm([by_surfaces], start, points_mm)[0])


def texture_information(
    level: Level, pose: RigidTransform, *, template: MaskSurface, settings: SurfaceFusionSettings
) -> NDArray[np.floating]:
    """Return the (6, 6) information, per mm^2, that the texture inside the liver has about a pose.

    Cells are cut from the liver alone, ``settings.inside_mm`` below its surface. Their information is their Hessian,
    divided by the variance of one independent observation, times the share by which its trace exceeds the largest
    trace of twelve wrong poses: in noise the slope of a cell's intensity map is never quite zero.

    Parameters
    ----------
    level
        The finest level.
    pose
        sampled_from_template.
    template
        Surface of the template's mask.
    settings
        Depth of the cells, distance of the wrong poses, and number of voxels of one observation.
    """
    image, centre_mm = level.images.template, level.images.centre_mm
    distance = template.distance_from_depth(settings.inside_mm, device=image.data.device)
    cells = cut_cells(image, distance=distance, margin_mm=0.0, centre_mm=centre_mm, settings=level.settings.cells)
    if not cells.num_voxels:
        return np.zeros((6, 6))
    residual = level.residual.with_cells(cells)
    steps = np.vstack([np.zeros(6), np.eye(6), -np.eye(6)]) * settings.decoy_mm
    found = [residual(matrix[None]) for matrix in apply_steps(pose.matrix, steps, centre_mm)]
    hessians = np.concatenate([equations.hessian for equations in found])
    traces = np.trace(hessians, axis1=1, axis2=2)
    if not traces[0] > traces[1:].max():
        return np.zeros((6, 6))
    noise = settings.noise_factor * float(residual.cell_equations(pose.matrix[None]).residual_variance)
    return hessians[0] * ((1 - traces[1:].max() / traces[0]) / noise)


def _surface_pair(
    problem: Problem, level: Level, resolution: MaskSurfaceSettings, settings: SurfaceFusionSettings
) -> SurfacePair | None:
    """Return the surfaces of both masks, or None if a mask is smaller than the resolution."""
    outlines, masks = problem.settings.outlines, level.direction.order(problem.reference_mask, problem.searched_mask)
    template, sampled = (mask_surface(mask, settings=resolution, outlines=outlines) for mask in masks)
    if template is None or sampled is None:
        return None
    return SurfacePair(template, sampled, level.images.centre_mm, settings)


def _weighted(
    distances: NDArray[np.floating],
    J: NDArray[np.floating],
    weights: NDArray[np.floating],
    settings: SurfaceFusionSettings,
) -> SurfaceEquations:
    """Return the equations under Huber's weights, divided by the variance of one observation.

    The variance is the weighted mean of the squared distances, and at least that of ``settings.least_error_mm``.
    """
    if not len(distances):
        return SurfaceEquations(np.zeros((6, 6)), np.zeros(6))
    scale = max(1.4826 * float(np.median(np.abs(distances))), settings.least_error_mm)
    limit = settings.outlier_factor * scale
    robust = weights * np.minimum(1.0, limit / np.maximum(np.abs(distances), limit))
    variance = max(float(robust @ distances**2 / robust.sum()), settings.least_error_mm**2)
    weighted = J * (robust / variance)[:, None]
    return SurfaceEquations(weighted.T @ J, weighted.T @ distances)


def _step_between(
    pose: RigidTransform, target: RigidTransform, centre_mm: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return the (6,) step in mm that takes a pose to a target (`apply_step`)."""
    way = RigidTransform((pose.inverse() @ target).matrix)
    return np.concatenate([ARC_RADIUS_MM * rotation_vector(way.rotation), way.translation_at(centre_mm)])
