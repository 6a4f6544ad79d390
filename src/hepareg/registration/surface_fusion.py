"""The pose that images and mask surfaces support together: the surfaces decide where the liver shows no texture.

The residual compares voxels in and around the liver. In a liver with visible vessels, those inside determine the pose.
In a liver without, nearly all of the residual's information lies at the surface and in the tissue around it: ribs,
heart and the wall of the body, which need not move as the liver does. If they do not, the liver's own edge does not
help: as long as it is displaced by more than a cell, its residual is so large that the robust weights silence it.

So the surfaces of both masks are a second observation of the pose. As long as they are compatible with the pose of the
images, that pose stays, because edges in images are more accurate than masks. If not, either the masks are wrong, or
the tissue around the liver misled the images; then only the texture inside the liver still speaks for their pose.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hepareg.refinement.level import Level
from hepareg.registration.both_directions import interpolate_poses
from hepareg.registration.inner_texture import TextureSettings, texture_information
from hepareg.registration.mask_surface import MaskSurface, MaskSurfaceSettings
from hepareg.registration.pose_uncertainty import Estimate, mean_distances_mm, root_mean_square_tre
from hepareg.registration.problem import Problem
from hepareg.registration.surface_pair import SurfaceErrorSettings, SurfacePair, step_between

__all__ = ["SurfaceFusionSettings", "fuse_surfaces"]


@dataclass(frozen=True)
class SurfaceFusionSettings:
    """Resolution and errors of the surfaces, and limits for changing the pose of the images.

    Parameters
    ----------
    compared_points
        Approximate number of points of each surface with which their compatibility with the images is tested.
    decisive
        Resolution of the surfaces when they change the pose.
    errors, texture
        Errors of the surfaces, and the part of the images that counts as texture of the liver.
    incompatible
        Squared distance, in standard deviations of the surfaces' pose, at which a contradiction is as likely as not:
        80 % of chi-squared with six degrees of freedom lie below.
    common_vox
        Standard deviation of the error that all of a surface shares, in voxels of the coarser mask: whether a voxel
        that is cut by the surface belongs to the mask is decided alike everywhere, on parallel grids above all.
    prior_mm
        Standard deviation that the pose of the images has if they were misled and show no texture. It keeps the pose
        in a direction in which a surface can slide along itself.
    negligible_mm
        A smaller change of the pose is not made.
    reported_mm
        From this change of the pose on, the verdict says that the surfaces decided.
    """

    compared_points: int = 750
    decisive: MaskSurfaceSettings = field(default_factory=lambda: MaskSurfaceSettings(2.5, 15.0, 1500))
    errors: SurfaceErrorSettings = field(default_factory=SurfaceErrorSettings)
    texture: TextureSettings = field(default_factory=TextureSettings)
    incompatible: float = 8.6
    common_vox: float = 0.3
    prior_mm: float = 15.0
    negligible_mm: float = 0.005
    reported_mm: float = 0.5


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
        Resolution and errors of the surfaces, and limits.

    Returns
    -------
    Estimate
        The estimate itself if a mask is missing, or if the surfaces would hardly change the pose.

    Notes
    -----
    With q the step from the pose of the surfaces to the pose of the images, S the information of the surfaces, C the
    covariance of an error that a whole surface shares (``settings.common_vox``) and Q = q' (S^-1 + C)^-1 q, surfaces
    and images contradict each other with the probability 1 / (1 + exp((Q_0 - Q) / 2)), Q_0 being
    ``settings.incompatible``. With T the information of the texture inside the liver, the surfaces have the share
    trace((S + T)^-1 S) / 6 of all information. The product of both, p, is the probability that the images were misled:
    texture that fits at their pose speaks for them, however well wrong masks may fit each other. The result lies the
    share p of the way from the pose of the images to the pose of the largest posterior density, for which the texture
    is the prior. Its variance is that of the mixture of both poses.
    """
    if problem.surfaces is None:
        return estimate
    few = tuple(surface.thinned(settings.compared_points) for surface in problem.surfaces)
    if _objection(problem, level, estimate, surfaces=few, settings=settings) is None:
        return estimate
    fine = problem.surfaces_at(settings.decisive) or problem.surfaces
    found = _objection(problem, level, estimate, surfaces=fine, settings=settings)
    if found is None:
        return estimate
    pair, start = found.pair, level.direction.to_solver(estimate.transform)
    inside = pair.template.distance_below(settings.texture.inside_mm, device=level.images.template.data.device)
    prior = _weak(settings) + texture_information(level, start, inside=inside, settings=settings.texture)
    fused = pair.fit(start, prior)
    posterior = prior + fused.information
    misled = found.probability * float(np.trace(np.linalg.solve(posterior, fused.information))) / 6
    points_mm = level.direction.carry(problem.points_mm, estimate.transform)
    way_mm = float(mean_distances_mm([fused.pose], start, points_mm)[0])
    if misled * way_mm < settings.negligible_mm:
        return estimate
    error_mm = root_mean_square_tre(np.linalg.inv(posterior), points_mm - pair.centre_mm)
    variance = (1 - misled) * estimate.uncertainty_mm**2 + misled * (error_mm**2 + (1 - misled) * way_mm**2)
    pose = interpolate_poses(start, fused.pose, share=misled, centre_mm=pair.centre_mm)
    uncertainty_mm = float(np.sqrt(variance))
    return replace(
        estimate,
        transform=level.direction.to_user(pose),
        uncertainty_mm=uncertainty_mm,
        by_surfaces=misled * way_mm >= settings.reported_mm,
    )


class Objection(NamedTuple):
    """Surfaces that contradict the pose of the images, and the probability that they do so not by chance."""

    pair: SurfacePair
    probability: float


def _objection(
    problem: Problem,
    level: Level,
    estimate: Estimate,
    *,
    surfaces: tuple[MaskSurface, ...],
    settings: SurfaceFusionSettings,
) -> Objection | None:
    """Return the objection of the reference's and the searched mask's surface; None if the pose would hardly change."""
    template, sampled = level.direction.order(*surfaces)
    pair = SurfacePair(template, sampled, level.images.centre_mm, settings.errors)
    start = level.direction.to_solver(estimate.transform)
    alone = pair.fit(start, _weak(settings))
    way = step_between(alone.pose, start, centre_mm=pair.centre_mm)
    covariance = np.linalg.inv(alone.information + _weak(settings))
    covariance += (settings.common_vox * _largest_voxel_mm(problem)) ** 2 * np.eye(6)
    excess = float(way @ np.linalg.solve(covariance, way)) - settings.incompatible
    probability = float(1 / (1 + np.exp(-np.clip(0.5 * excess, -50.0, 50.0))))
    points_mm = level.direction.carry(problem.points_mm, estimate.transform)
    change_mm = probability * float(mean_distances_mm([alone.pose], start, points_mm)[0])
    return None if change_mm < settings.negligible_mm else Objection(pair, probability)


def _largest_voxel_mm(problem: Problem) -> float:
    """Return the longest edge in mm of a voxel of the masks."""
    masks = (problem.reference_mask, problem.searched_mask)
    return max(float(mask.grid.spacing_mm.max()) for mask in masks if mask is not None)


def _weak(settings: SurfaceFusionSettings) -> NDArray[np.floating]:
    """Return the (6, 6) information per mm^2 that images without texture have if they were misled."""
    return np.eye(6) / settings.prior_mm**2
