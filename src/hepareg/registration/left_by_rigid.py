"""What no rigid transform can follow: how far the liver's tissue stays off, and where, in words of anatomy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.refinement.direction import Direction
from hepareg.registration.tissue_motion import TissueMotion
from hepareg.transforms import RigidTransform

__all__ = ["LeftByRigid", "left_by_rigid", "part_of_liver"]

PARTS = (("left part", "right part"), ("back", "front"), ("lower tip", "dome"))
"""Names of a liver's ends along world x, y and z, the end with the smaller coordinate first."""
MIDDLE = "middle"
CENTRAL_SHARE = 0.25
"""A place nearer to the middle than this share of the half extents, along every axis, is in the middle."""
WORST_SHARE, LEAST_COSINE = 0.8, 0.7
"""The worst place is the tissue that is off by at least this share of the largest offset, into its direction: the angle
between both offsets has at least this cosine."""


@dataclass(frozen=True)
class LeftByRigid:
    """Distances in mm that remain after the best rigid fit, and the place where the result is farthest off.

    Parameters
    ----------
    mean_mm, p95_mm, max_mm
        Mean, 95th percentile and maximum, over the liver, of the distance that the best rigid fit of the tissue's
        motion leaves.
    where
        Part of the liver in which the tissue lies farthest from the place to which the result sends it: left part,
        right part, dome, lower tip, front, back or middle.
    point_mm
        Point of the fixed world at which the tissue is farthest off.
    offset_mm
        Mean offset of the tissue in that part, x y z in the moving world: true place minus the place to which the
        result sends it.
    """

    mean_mm: float
    p95_mm: float
    max_mm: float
    where: str
    point_mm: tuple[float, float, float]
    offset_mm: tuple[float, float, float]


def left_by_rigid(motion: TissueMotion, pose: RigidTransform, *, direction: Direction) -> LeftByRigid:
    """Return what the best rigid fit leaves, and the place where a pose is farthest off.

    Parameters
    ----------
    motion
        Estimated motion of the liver's tissue.
    pose
        The result, searched_from_reference.
    direction
        From the user's images to reference and searched image.
    """
    at_fit = motion.distance_mm(motion.rigid)
    points, places = motion.points_mm, motion.places_mm
    # True place minus place of the result, in the searched world or, if images are exchanged, in the reference world.
    offsets = points - pose.inverse().apply(places) if direction.exchanged else places - pose.apply(points)
    lengths = np.linalg.norm(offsets, axis=1)
    farthest = offsets[lengths.argmax()]
    worst = (lengths >= WORST_SHARE * lengths.max()) & (offsets @ farthest >= LEAST_COSINE * lengths * lengths.max())
    in_fixed = places if direction.exchanged else points
    point, offset = in_fixed[lengths.argmax()], offsets[worst].mean(axis=0)
    return LeftByRigid(
        mean_mm=float(at_fit.mean()),
        p95_mm=float(np.percentile(at_fit, 95)),
        max_mm=float(at_fit.max()),
        where=part_of_liver(points, worst),
        point_mm=(float(point[0]), float(point[1]), float(point[2])),
        offset_mm=(float(offset[0]), float(offset[1]), float(offset[2])),
    )


def part_of_liver(points_mm: Points, chosen: NDArray[np.bool_]) -> str:
    """Return the name of the part of a liver in which chosen points lie.

    Parameters
    ----------
    points_mm
        (N, 3) points spread over the liver, world mm.
    chosen
        (N,) points of the part, one at least.
    """
    low, high = np.percentile(points_mm, (2, 98), axis=0)
    place = (points_mm[chosen].mean(axis=0) - (low + high) / 2) / np.maximum((high - low) / 2, 1e-6)
    axis = int(np.abs(place).argmax())
    return MIDDLE if abs(place[axis]) < CENTRAL_SHARE else PARTS[axis][int(place[axis] > 0)]
