"""Rotations and rigid motions as matrices: the exponential map of SO(3) and its inverse.

Pure NumPy in float64. Angles are radians. ``networks/lie.py`` has batched, differentiable versions in torch for
training; a test compares both.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepareg.arrays import Matrix
from hepareg.errors import TransformError

__all__ = [
    "IDENTITY",
    "about_centre",
    "homogeneous",
    "nearest_rotation",
    "polished_rotation",
    "rotation_angle",
    "rotation_from_vector",
    "rotation_vector",
    "skew",
]

Rotation = NDArray[np.float64]


IDENTITY = np.eye(3)
IDENTITY.setflags(write=False)
_GENERATORS = np.array([[0, 0, 0, 0, 0, -1, 0, 1, 0], [0, 0, 1, 0, 0, 0, -1, 0, 0], [0, -1, 0, 1, 0, 0, 0, 0, 0.0]])
"""Cross product matrices of the unit vectors x, y and z, flattened to one row each."""


def skew(vector: ArrayLike) -> Rotation:
    """Return the (..., 3, 3) matrix K with ``K @ x == cross(vector, x)``, for (..., 3) vectors."""
    v = np.asarray(vector, dtype=np.float64)
    return (v @ _GENERATORS).reshape(*v.shape, 3)


def rotation_from_vector(vector: ArrayLike) -> Rotation:
    """Return the (..., 3, 3) rotation by ``|vector|`` radians about each (..., 3) ``vector`` (Rodrigues' formula).

    Notes
    -----
    R = I + (sin a)/a K + (1 - cos a)/a^2 K^2 with a = |vector| and K = `skew` (vector). Both coefficients are
    evaluated with sinc, which avoids the division by a small angle.

    Examples
    --------
    >>> rotation_from_vector([0.0, 0.0, math.pi / 2]).round(6) @ [1.0, 0.0, 0.0]
    array([0., 1., 0.])
    """
    angle = np.linalg.norm(np.asarray(vector, dtype=np.float64), axis=-1)[..., None, None]
    K = skew(vector)
    return IDENTITY + np.sinc(angle / math.pi) * K + 0.5 * np.sinc(angle / (2 * math.pi)) ** 2 * (K @ K)


def rotation_vector(rotation: ArrayLike) -> NDArray[np.float64]:
    """Return the (3,) rotation vector of a rotation matrix, length in [0, pi].

    Notes
    -----
    Computed from the unit quaternion, by the formula of its largest component: full precision also near 0 and near
    pi, for which formulas from the trace or from the antisymmetric part lose digits. At exactly pi both signs of the
    axis are right; one of them is returned.
    """
    R = np.asarray(rotation, dtype=np.float64)
    quadruple = np.array(
        [
            [1 + R[0, 0] + R[1, 1] + R[2, 2], R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]],
            [R[2, 1] - R[1, 2], 1 + R[0, 0] - R[1, 1] - R[2, 2], R[0, 1] + R[1, 0], R[0, 2] + R[2, 0]],
            [R[0, 2] - R[2, 0], R[0, 1] + R[1, 0], 1 - R[0, 0] + R[1, 1] - R[2, 2], R[1, 2] + R[2, 1]],
            [R[1, 0] - R[0, 1], R[0, 2] + R[2, 0], R[1, 2] + R[2, 1], 1 - R[0, 0] - R[1, 1] + R[2, 2]],
        ]
    )
    quaternion = quadruple[np.argmax(np.diag(quadruple))]
    quaternion = quaternion / np.linalg.norm(quaternion)
    if quaternion[0] < 0:
        quaternion = -quaternion
    sine = float(np.linalg.norm(quaternion[1:]))
    if sine == 0.0:
        return np.zeros(3)
    return 2 * math.atan2(sine, quaternion[0]) * quaternion[1:] / sine


def rotation_angle(rotation: ArrayLike) -> float:
    """Return the geodesic angle of a rotation matrix in radians, in [0, pi]."""
    return float(np.linalg.norm(rotation_vector(rotation)))


def nearest_rotation(matrix: ArrayLike) -> Rotation:
    """Return the rotation nearest to a (3, 3) matrix in the Frobenius norm.

    R = U diag(1, 1, det(U V')) V' of the singular value decomposition: the rotation factor of the
    polar decomposition if det > 0.

    Raises
    ------
    TransformError
        If the determinant is not positive: a mirrored or singular matrix has no rigid part.

    References
    ----------
    Kabsch, W. A solution for the best rotation to relate two sets of vectors. Acta Cryst. A32,
    1976. doi:10.1107/S0567739476001873
    """
    A = np.asarray(matrix, dtype=np.float64)
    determinant = float(np.linalg.det(A))
    if not determinant > 0:
        raise TransformError(
            f"expected a matrix with positive determinant, got {determinant:.3g}: a mirrored or singular "
            "matrix has no rigid part; check the axis conventions of the tool that wrote it"
        )
    U, _, Vt = np.linalg.svd(A)
    return (U * [1.0, 1.0, np.sign(np.linalg.det(U @ Vt))]) @ Vt


def polished_rotation(matrix: ArrayLike) -> Rotation:
    """Return the rotations nearest to (..., 3, 3) matrices that are rotations to 1e-6 already; exact to rounding.

    Two steps of the Newton-Schulz iteration for the polar decomposition, X <- X (3 I - X' X) / 2. Each step
    squares the error. Many times faster than `nearest_rotation`.

    References
    ----------
    Higham, N. J. Functions of Matrices. SIAM, 2008, section 8.3. doi:10.1137/1.9780898717778
    """
    X = np.asarray(matrix, dtype=np.float64)
    for _ in range(2):
        X = X @ (1.5 * IDENTITY - 0.5 * (np.swapaxes(X, -1, -2) @ X))
    return X


def homogeneous(rotation: ArrayLike, translation: ArrayLike) -> Matrix:
    """Return the (..., 4, 4) matrix of ``x -> rotation @ x + translation``."""
    R = np.asarray(rotation, dtype=np.float64)
    matrix = np.zeros((*R.shape[:-2], 4, 4))
    matrix[..., :3, :3] = R
    matrix[..., :3, 3] = translation
    matrix[..., 3, 3] = 1.0
    return matrix


def about_centre(rotation: ArrayLike, translation: ArrayLike, centre: ArrayLike) -> Matrix:
    """Return the (..., 4, 4) matrix of ``x -> rotation @ (x - centre) + centre + translation``."""
    R = np.asarray(rotation, dtype=np.float64)
    c = np.asarray(centre, dtype=np.float64)
    return homogeneous(R, c - R @ c + np.asarray(translation, dtype=np.float64))
