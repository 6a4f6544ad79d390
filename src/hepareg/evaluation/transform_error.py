"""Rotation error and translation error between two rigid transforms."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hepareg.geometry.rotations import rotation_angle
from hepareg.transforms import RigidTransform

__all__ = ["RigidError", "transform_error"]


@dataclass(frozen=True)
class RigidError:
    """Rotation and translation error of a rigid transform.

    Parameters
    ----------
    rotation_deg
        Geodesic angle between the two rotations, in [0, 180]; 0 is perfect.
    translation_mm
        Distance between the images of one stated point; 0 is perfect.
    """

    rotation_deg: float
    translation_mm: float


def transform_error(estimate: RigidTransform, truth: RigidTransform, *, at_mm: ArrayLike) -> RigidError:
    """Return the rotation error in degrees and the translation error in mm of ``estimate`` at one world point.

    Parameters
    ----------
    estimate, truth
        Rigid transforms from the same world to the same world, such as two ``moving_from_fixed``.
    at_mm
        (3,) point of the fixed world, as a rule the liver's centroid. The difference of the matrices'
        last columns is not used: it is the error at the origin of the world, often half a metre from the
        liver, and contains the effect of the rotation error.

    References
    ----------
    Huynh DQ. Metrics for 3D rotations: comparison and analysis. J Math Imaging Vis 35, 2009 (its metric
    Phi 6, the geodesic). doi:10.1007/s10851-009-0161-2

    Examples
    --------
    >>> quarter = RigidTransform.from_vectors([0, 0, math.pi / 2], [0, 0, 2], centre_mm=[10, 20, 30])
    >>> error = transform_error(quarter, RigidTransform.identity(), at_mm=[10, 20, 30])
    >>> round(error.rotation_deg, 9), round(error.translation_mm, 9)
    (90.0, 2.0)
    """
    point = np.asarray(at_mm, dtype=np.float64)
    gap = estimate.apply(point) - truth.apply(point)
    return RigidError(
        rotation_deg=math.degrees(rotation_angle(estimate.rotation @ truth.rotation.T)),
        translation_mm=float(np.linalg.norm(gap)),
    )
