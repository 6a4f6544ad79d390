"""The rigid transform that fits two sets of corresponding points best."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepareg.arrays import Points
from hepareg.errors import InputError, TransformError
from hepareg.geometry.rotations import homogeneous
from hepareg.transforms.linear import RigidTransform

__all__ = ["fit_rigid"]

UNIQUE = 1e-10
"""Least singular value, relative to the largest, that determines a rotation; rounding alone gives some 1e-15."""


def fit_rigid(points_mm: Points, targets_mm: Points, *, weights: ArrayLike | None = None) -> RigidTransform:
    """Return the rigid transform T that minimises sum_n w_n |T(points_n) - targets_n|^2.

    Parameters
    ----------
    points_mm, targets_mm
        (N, 3) corresponding points, world mm.
    weights
        (N,) weights, none negative and one at least positive; None weighs all points alike.

    Raises
    ------
    InputError
        If the shapes do not correspond, or the weights are negative, all zero or not finite.
    TransformError
        If the points do not determine a rotation: they lie on one line or in one place, or the targets are a
        mirror image of the points for which several rotations are equally good.

    Notes
    -----
    With the weighted means p and q, the singular value decomposition sum w (t - q)(x - p)' = U S V' gives
    R = U diag(1, 1, det(U V')) V', the best rotation even if a reflection would fit better, and the
    translation q - R p. R is unique if S_2 + det(U V') S_3 > 0; points in one plane are enough.

    References
    ----------
    Kabsch, W. A solution for the best rotation to relate two sets of vectors. Acta Cryst. A32, 1976.
    doi:10.1107/S0567739476001873
    Umeyama, S. Least-squares estimation of transformation parameters between two point patterns. IEEE
    Transactions on Pattern Analysis and Machine Intelligence 13, 1991. doi:10.1109/34.88573
    """
    points, targets = (np.asarray(x, dtype=np.float64) for x in (points_mm, targets_mm))
    if points.ndim != 2 or points.shape[1:] != (3,) or points.shape != targets.shape or not len(points):
        raise InputError(f"expected two sets of corresponding (N, 3) points, got {points.shape} and {targets.shape}")
    w = None if weights is None else _checked(weights, len(points))
    p, q = (x.mean(axis=0) if w is None else w @ x for x in (points, targets))
    from_mean, to_mean = points - p, targets - q
    covariance = (to_mean if w is None else to_mean * w[:, None]).T @ from_mean
    U, S, Vt = np.linalg.svd(covariance)
    sense = float(np.sign(np.linalg.det(U @ Vt)))
    if not S[1] + sense * S[2] > UNIQUE * S[0]:
        raise TransformError(
            "expected points that determine a rotation, got points on one line, in one place, or of ambiguous mirror "
            "symmetry; add points away from the line"
        )
    R = (U * [1.0, 1.0, sense]) @ Vt
    return RigidTransform(homogeneous(R, q - R @ p))


def _checked(weights: ArrayLike, count: int) -> NDArray[np.float64]:
    """Return (N,) weights that sum to 1."""
    w = np.asarray(weights, dtype=np.float64)
    if w.shape != (count,) or not (w >= 0).all() or not 0 < w.sum() < np.inf:
        raise InputError(f"expected {count} finite weights of 0 or more, one of them above 0, got {w.shape}")
    return w / w.sum()
