"""The pose from both directions: the images change roles, the finest level is repeated, and both poses are averaged.

Noise in the image that is interpolated flattens its gradients and pulls the pose its own way; with the images in
each other's roles it pulls the other way. The mean of both is about half as far off, and how far the two lie apart
tells what the blocks of one direction cannot: what they all share.

An image with thick slices is a poor thing to interpolate, and the error of that is its own: the two directions are
no equals then, and one is left alone.
"""

from dataclasses import dataclass

import numpy as np

from hepareg.arrays import Points
from hepareg.geometry.rotations import rotation_vector
from hepareg.refinement.images.slice_profile import is_thick
from hepareg.refinement.multilevel import LevelResult
from hepareg.refinement.solvers.solution import Status
from hepareg.registration.evidence import Precision, precision, spread
from hepareg.transforms import RigidTransform

__all__ = ["BothDirections", "both_directions"]


@dataclass(frozen=True)
class BothDirections:
    """What the two directions say together.

    Parameters
    ----------
    transform
        Mean of both poses, weighted by their inverse variances, or the first where they are two optima;
        moving_from_fixed in the solver's roles.
    precision_mm
        Expected error of it from the disagreement of the liver's blocks. The two directions look at the same images:
        their errors are taken as wholly correlated, so that this lies between the two directions' own.
    standard_error_mm
        Expected error of it from how far the two poses lie apart.
    """

    transform: RigidTransform
    precision_mm: float
    standard_error_mm: float


def both_directions(
    finest: LevelResult, transform: RigidTransform, certain: Precision, *, points_mm: Points
) -> BothDirections | None:
    """Return the mean of a level's pose and of the pose that the same level finds the other way round.

    Parameters
    ----------
    finest
        Last level, with the pose's own direction.
    transform, certain
        The pose, moving_from_fixed, and its precision.
    points_mm
        (N, 3) points over the liver, fixed world.

    Returns
    -------
    BothDirections or None
        None where the template's slices are much thicker than the other image's, or the other direction finds no pose.
    """
    if is_thick(finest.objective.images.template, finest.objective.images.sampled):
        return None
    turned = finest.objective.turned(transform, level=finest.level)
    if not turned.residual.samples.num_samples:
        return None
    (other,) = turned.minimise([transform], finest.level.solver)
    if other.status not in (Status.CONVERGED, Status.ITERATION_LIMIT):
        return None
    backward = precision(turned, other.transform, points_mm=points_mm)
    if not np.isfinite(backward.expected_tre_mm):
        return None
    errors_mm = certain.expected_tre_mm, backward.expected_tre_mm
    apart_mm = float(spread([other.transform], transform, points_mm)[0])
    if apart_mm > finest.objective.voxel_mm:  # two optima: nothing is known of what lies between them
        return BothDirections(transform, certain.expected_tre_mm, apart_mm)
    return _mean(transform, other.transform, errors_mm, apart_mm, points_mm.mean(axis=0))


def _mean(
    a: RigidTransform, b: RigidTransform, errors_mm: tuple[float, float], apart_mm: float, centre_mm: Points
) -> BothDirections:
    """Return the mean of two poses by their inverse variances.

    Its standard error is that of a weighted mean of two, from how far they lie apart.
    """
    weight = errors_mm[0] ** 2 / (errors_mm[0] ** 2 + errors_mm[1] ** 2)
    return BothDirections(
        transform=_between(a, b, weight, centre_mm),
        precision_mm=(1 - weight) * errors_mm[0] + weight * errors_mm[1],
        standard_error_mm=apart_mm * float(np.sqrt(weight * (1 - weight))),
    )


def _between(a: RigidTransform, b: RigidTransform, share: float, centre_mm: Points) -> RigidTransform:
    """Return the pose a share of the way from ``a`` to ``b``: along the rotation and the centre's straight line."""
    way = RigidTransform((a.inverse() @ b).matrix)
    turn, shift = rotation_vector(way.rotation), way.translation_at(centre_mm)
    part = RigidTransform.from_vectors(share * turn, share * shift, centre_mm=centre_mm)
    return RigidTransform((a @ part).matrix)
