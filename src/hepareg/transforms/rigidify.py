"""The rigid part of an affine transform, and what is lost with the rest. Pure mathematics."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepareg.errors import InputError
from hepareg.geometry.rotations import homogeneous, nearest_rotation
from hepareg.transforms.linear import AffineTransform, RigidTransform

__all__ = ["RemovedPart", "removed_part", "rigid_part"]


@dataclass(frozen=True)
class RemovedPart:
    """What separates an affine transform from its rigid part, over points such as those of the liver.

    With the polar decomposition A = R S of the affine's 3x3 block, S is the stretch along the fixed
    world's axes: its diagonal holds the scales, the rest the shears.

    Parameters
    ----------
    scale_percent
        Growth along right-left, anterior-posterior and superior-inferior: 100 (S_ii - 1); 0 is rigid.
    shear_percent
        Shears 100 S_ij of (RL, AP), (RL, SI) and (AP, SI); 0 is rigid.
    volume_percent
        Change of volume, 100 (det A - 1).
    scale_mean_mm, scale_worst_mm
        How far the scales alone move the points, about the centre.
    shear_mean_mm, shear_worst_mm
        Likewise the shears.
    mean_mm, worst_mm
        Both together: the distances between where the affine and its rigid part send the points.
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
    """Return the rotation nearest to an affine's 3x3 block, about the point whose image is to stay.

    R = U diag(1, 1, det(U V')) V' of the world-mm 3x3 block U D V'; the translation is chosen so
    that ``centre_mm`` goes where the affine sends it. Of all rigid transforms with that property
    this one is the nearest in the Frobenius norm of the 3x3 block.

    Parameters
    ----------
    affine
        World mm to world mm. A block in voxel or normalised coordinates has another, wrong rotation.
    centre_mm
        (3,) point of the fixed world, as a rule the liver's centroid.

    Raises
    ------
    TransformError
        If the determinant is not positive.
    """
    centre = np.asarray(centre_mm, dtype=np.float64)
    R = nearest_rotation(affine.linear)
    return RigidTransform(homogeneous(R, affine.apply(centre) - R @ centre))


def removed_part(affine: AffineTransform, *, points_mm: ArrayLike, centre_mm: ArrayLike) -> RemovedPart:
    """Return the scale and shear that `rigid_part` takes out, in per cent and in mm over points.

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
