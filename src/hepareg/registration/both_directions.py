"""The pose from both directions: the images change roles, the finest level is repeated, and both poses are averaged.

Noise in the image that is interpolated flattens its gradients and pulls the pose its own way; with the images in
each other's roles it pulls the other way. The mean of both is about half as far off, and how far the two lie apart
tells what the blocks of one direction cannot: what they all share.
"""

from dataclasses import dataclass

import numpy as np

from hepareg.arrays import Points
from hepareg.geometry.rotations import rotation_vector
from hepareg.optimisation.multilevel import LevelResult
from hepareg.optimisation.solution import Status
from hepareg.registration.evidence import Precision, precision, spread
from hepareg.transforms import RigidTransform

__all__ = ["BothDirections", "both_directions"]


@dataclass(frozen=True)
class BothDirections:
    """What the two directions say together.

    Parameters
    ----------
    transform
        Mean of both poses, weighted by their inverse variances; moving_from_fixed in the solver's roles.
    precision_mm
        Expected error of the mean from the disagreement of the liver's blocks, were it all that is wrong.
    apart_mm
        Mean distance over the points between the two poses.
    weight
        Share of the other direction in the mean, 0 to 1.
    """

    transform: RigidTransform
    precision_mm: float
    apart_mm: float
    weight: float

    @property
    def standard_error_mm(self) -> float:
        """Standard error of a weighted mean of two, from how far they lie apart."""
        return self.apart_mm * float(np.sqrt(self.weight * (1 - self.weight)))


def both_directions(
    finest: LevelResult, transform: RigidTransform, certain: Precision, *, points_mm: Points
) -> BothDirections | None:
    """Return the mean of a level's pose and of the pose that the same level finds the other way round.

    Each is weighted by the inverse of its variance (`evidence.precision`), so that an image with thick slices,
    which is a poor thing to interpolate, adds little.

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
        None where the other direction finds no pose.
    """
    turned = finest.objective.turned(transform, level=finest.level)
    if not turned.residual.samples.num_samples:
        return None
    (other,) = turned.minimise([transform], finest.level.solver)
    if other.status not in (Status.CONVERGED, Status.ITERATION_LIMIT):
        return None
    backward = precision(turned, other.transform, points_mm=points_mm)
    if not np.isfinite(backward.expected_tre_mm):
        return None
    weight = _other_weight(certain.expected_tre_mm, backward.expected_tre_mm)
    return BothDirections(
        transform=_between(transform, other.transform, weight, points_mm.mean(axis=0)),
        precision_mm=certain.expected_tre_mm * float(np.sqrt(1 - weight)),
        apart_mm=float(spread([other.transform], transform, points_mm)[0]),
        weight=weight,
    )


def _other_weight(error_mm: float, other_error_mm: float) -> float:
    """Return the other pose's share of the mean with the smallest variance."""
    return error_mm**2 / (error_mm**2 + other_error_mm**2)


def _between(a: RigidTransform, b: RigidTransform, share: float, centre_mm: Points) -> RigidTransform:
    """Return the pose a share of the way from ``a`` to ``b``: along the rotation and the centre's straight line."""
    way = RigidTransform((a.inverse() @ b).matrix)
    turn, shift = rotation_vector(way.rotation), way.translation_at(centre_mm)
    part = RigidTransform.from_vectors(share * turn, share * shift, centre_mm=centre_mm)
    return RigidTransform((a @ part).matrix)
