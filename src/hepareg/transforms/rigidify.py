"""The rigid part of an affine transform, and the scale and shear that this part leaves out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepareg.errors import InputError
from hepareg.geometry.rotations import homogeneous, nearest_rotation
from hepareg.transforms.linear import AffineTransform, RigidTransform

__all__ = ["RemovedPart", "removed_part", "rigid_part"]


@dataclass(frozen=True)
class RemovedPart:
    """Scale and shear of an affine transform, in per cent and as distances in mm over given points.

    In the polar decomposition A = R S of the affine's 3x3 block, R is the rigid part. S is the stretch, in the axes of
    the fixed world: scales on the diagonal, shears off the diagonal.

    Parameters
    ----------
    scale_percent
        Growth 100 (S_ii - 1) along right-left, anterior-posterior and superior-inferior; 0 is rigid.
    shear_percent
        Shears 100 S_ij of (RL, AP), (RL, SI) and (AP, SI); 0 is rigid.
    volume_percent
        Change of volume, 100 (det A - 1).
    scale_mean_mm, scale_worst_mm
        Mean and largest distance in mm by which the scales alone, about the centre, move the points.
    shear_mean_mm, shear_worst_mm
        Mean and largest distance in mm by which the shears alone, about the centre, move the points.
    mean_mm, worst_mm
        Mean and largest distance in mm between the images of the points under the affine and under its rigid part.
    """

    scale_percent: tuple[float, float, float]
    shear_percent: tuple[float, float, float]
    volume_percent: float
    scale_mean_mm: float
    scale_worst_mm: float
    shear_mean_mm: float
    shear_worst_mm: float
    mean_mm: float
    worst_mm: float


def rigid_part(affine: AffineTransform, *, centre_mm: ArrayLike) -> RigidTransform:
    """Return the rigid transform nearest to an affine among those that map ``centre_mm`` to the same point.

    R = U diag(1, 1, det(U V')) V' of the 3x3 block U D V' in world mm, the nearest rotation in the Frobenius norm; the
    translation is chosen so that ``centre_mm`` is mapped as by the affine.

    Parameters
    ----------
    affine
        World mm to world mm. The same map in voxel or normalised coordinates would have another, wrong rotation.
    centre_mm
        (3,) point of the fixed world, usually the liver's centroid.

    Raises
    ------
    TransformError
        If the determinant is not positive.
    """
    centre = np.asarray(centre_mm, dtype=np.float64)
    R = nearest_rotation(affine.linear)
    return RigidTransform(homogeneous(R, affine.apply(centre) - R @ centre))


def removed_part(affine: AffineTransform, *, points_mm: ArrayLike, centre_mm: ArrayLike) -> RemovedPart:
    """Return the scale and shear that `rigid_part` removes, in per cent and in mm over points.

    Parameters
    ----------
    affine, centre_mm
        As given to `rigid_part`.
    points_mm
        (N, 3) points of the fixed world.

    Raises
    ------
    TransformError
        If the determinant is not positive.
    InputError
        If there is no point.
    """
    arms = np.asarray(points_mm, dtype=np.float64).reshape(-1, 3) - np.asarray(centre_mm, dtype=np.float64)
    if not len(arms):
        raise InputError("expected at least one point to measure scale and shear at, got none")
    stretch = nearest_rotation(affine.linear).T @ affine.linear
    strain = (stretch + stretch.T) / 2 - np.eye(3)
    scales = np.diag(np.diag(strain))
    (scale, scale_worst), (shear, shear_worst), (mean, worst) = (
        _mean_and_worst(arms @ part) for part in (scales, strain - scales, strain)
    )
    s, p = 100 * strain, 100 * (np.linalg.det(affine.linear) - 1)
    return RemovedPart(
        scale_percent=(float(s[0, 0]), float(s[1, 1]), float(s[2, 2])),
        shear_percent=(float(s[0, 1]), float(s[0, 2]), float(s[1, 2])),
        volume_percent=float(p),
        scale_mean_mm=scale,
        scale_worst_mm=scale_worst,
        shear_mean_mm=shear,
        shear_worst_mm=shear_worst,
        mean_mm=mean,
        worst_mm=worst,
    )


def _mean_and_worst(gaps: NDArray[np.floating]) -> tuple[float, float]:
    distances = np.linalg.norm(gaps, axis=1)
    return float(distances.mean()), float(distances.max())
