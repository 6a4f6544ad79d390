"""The mean of the poses of both directions: the finest level is solved again with its images exchanged.

Noise in the interpolated image flattens the image's gradients and biases the pose. With the images exchanged, the noise
of the other image biases it the opposite way. The mean of both poses has about half of the error, and their distance
shows errors that all blocks of the liver share and therefore cannot show by disagreeing.

If the template has much thicker slices than the sampled image, the exchanged level would interpolate across these
slices and be much less accurate; only one direction is then used.
"""

from dataclasses import dataclass

import numpy as np

from hepareg.arrays import Points
from hepareg.geometry.rotations import rotation_vector
from hepareg.refinement.multilevel import Refinement
from hepareg.refinement.slice_profile import has_thicker_slices
from hepareg.refinement.solvers.solution import Status
from hepareg.registration.pose_uncertainty import (
    Estimate,
    UncertaintySettings,
    estimate_pose,
    mean_distances_mm,
)
from hepareg.transforms import RigidTransform

__all__ = ["BothDirectionsSettings", "average_directions", "interpolate_poses", "mean_of_two"]


@dataclass(frozen=True)
class BothDirectionsSettings:
    """Uncertainty from which the other direction is searched.

    Parameters
    ----------
    search_mm
        The other direction is searched if the pose's uncertainty is larger than this, and always if a share of
        interpolation's blur was undone, because that amplifies noise; never if infinite.
    """

    search_mm: float = 0.06


def average_directions(
    refinement: Refinement,
    forward: Estimate,
    *,
    points_mm: Points,
    settings: BothDirectionsSettings,
    blocks: UncertaintySettings,
) -> Estimate | None:
    """Return the mean of a refinement's pose and of the pose that its finest level finds with the images exchanged.

    Parameters
    ----------
    refinement
        The levels; only the finest is solved again, from the forward pose.
    forward
        Estimate in the refinement's own direction: its pose, searched_from_reference, and the pose's uncertainty.
    points_mm
        (N, 3) points over the liver, world mm of the reference image.
    settings
        Uncertainty from which to search.
    blocks
        Blocks of the liver from which the uncertainty of the other direction's pose is estimated.

    Returns
    -------
    Estimate or None
        - None if the other direction is not searched: the forward uncertainty is infinite, or not above
          ``settings.search_mm`` (0 if a share of interpolation's blur was undone), or the template has much thicker
          slices than the sampled image (`has_thicker_slices`).
        - None if the other direction finds no pose with a finite uncertainty.
        - If the two poses are at most one voxel of the finest level apart, on average over the points: their mean
          (`mean_of_two`).
        - If they are farther apart, they are two optima, whose mean is no solution: the forward pose and its
          uncertainty, with the distance in mm as ``directions_error_mm``.
    """
    level = refinement.finest.level
    least_mm = 0.0 if level.images.is_deblurred and np.isfinite(settings.search_mm) else settings.search_mm
    if not least_mm < forward.uncertainty_mm < np.inf:
        return None
    thick = level.refinement.slice_profile
    if has_thicker_slices(level.images.template, level.images.sampled, settings=thick):
        return None
    exchanged = level.exchange(forward.transform)
    if not exchanged.images.cells.num_voxels:
        return None
    (found,) = exchanged.minimise([forward.transform])
    if found.status not in (Status.CONVERGED, Status.ITERATION_LIMIT):
        return None
    backward = estimate_pose(exchanged, found.transform, points_mm=points_mm, settings=blocks)
    if not np.isfinite(backward.uncertainty_mm):
        return None
    apart_mm = float(mean_distances_mm([backward.transform], forward.transform, points_mm)[0])
    if apart_mm > level.images.voxel_mm:
        return Estimate(forward.transform, forward.uncertainty_mm, directions_error_mm=apart_mm)
    return mean_of_two(forward, backward, apart_mm=apart_mm, centre_mm=points_mm.mean(axis=0))


def mean_of_two(a: Estimate, b: Estimate, *, apart_mm: float, centre_mm: Points) -> Estimate:
    """Return the mean of two estimates with the weights 1 - w and w, by their inverse variances.

    With the uncertainties s_a and s_b in mm, w = s_a^2 / (s_a^2 + s_b^2). The pose lies the share w of the way from
    ``a`` to ``b``. Both directions compare the same images, so their errors are assumed to be fully correlated: the
    uncertainty is (1 - w) s_a + w s_b. The directions' error is ``apart_mm`` sqrt(w (1 - w)), the standard error of a
    weighted mean of two poses that lie ``apart_mm`` from each other.

    Parameters
    ----------
    a, b
        Estimates of the two directions.
    apart_mm
        Mean distance in mm over the liver between their poses.
    centre_mm
        (3,) point about which the rotation is interpolated, world mm of the reference image.
    """
    errors_mm = a.uncertainty_mm, b.uncertainty_mm
    weight = errors_mm[0] ** 2 / (errors_mm[0] ** 2 + errors_mm[1] ** 2)
    return Estimate(
        transform=interpolate_poses(a.transform, b.transform, share=weight, centre_mm=centre_mm),
        uncertainty_mm=(1 - weight) * errors_mm[0] + weight * errors_mm[1],
        directions_error_mm=apart_mm * float(np.sqrt(weight * (1 - weight))),
    )


def interpolate_poses(a: RigidTransform, b: RigidTransform, *, share: float, centre_mm: Points) -> RigidTransform:
    """Return the pose that lies a share, 0 to 1, of the way from ``a`` to ``b``.

    The rotation turns about its one axis, and the centre moves along a straight line.
    """
    way = RigidTransform((a.inverse() @ b).matrix)
    rotation, shift = rotation_vector(way.rotation), way.translation_at(centre_mm)
    part = RigidTransform.from_vectors(share * rotation, share * shift, centre_mm=centre_mm)
    return RigidTransform((a @ part).matrix)
