"""Rotations and rigid motions as batched, differentiable tensors: exponential and logarithm of SO(3) and SE(3).

The counterpart of `hepareg.geometry.rotations`; a test holds the two together. All coefficients are
functions of the squared angle, by their power series near zero, so derivatives are finite at the
identity, where training starts.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

__all__ = [
    "rigid_from_twist",
    "rigid_inverse",
    "rigid_matrix",
    "rotation_from_vector",
    "rotation_vector",
    "skew",
    "twist_of_rigid",
]

SERIES_BELOW = 0.25
"""Squared angle below which power series are used; eight terms are exact to float64 there."""

SINE_SERIES = [(-1) ** n / math.factorial(2 * n + 1) for n in range(8)]
COSINE_SERIES = [(-1) ** n / math.factorial(2 * n + 2) for n in range(8)]
CUBIC_SERIES = [(-1) ** n / math.factorial(2 * n + 3) for n in range(8)]
BERNOULLI = (1 / 6, 1 / 30, 1 / 42, 1 / 30, 5 / 66, 691 / 2730, 7 / 6, 3617 / 510)
INVERSE_SERIES = [b / math.factorial(2 * n + 2) for n, b in enumerate(BERNOULLI)]


def skew(vector: Tensor) -> Tensor:
    """Return (..., 3, 3) matrices K with ``K @ x == cross(vector, x)`` of (..., 3) vectors."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))


def rotation_from_vector(vector: Tensor) -> Tensor:
    """Return the rotations (..., 3, 3) by |vector| radians about (..., 3) vectors (Rodrigues' formula)."""
    K = skew(vector)
    return _eye(K) + _sine(vector)[..., None] * K + _cosine(vector)[..., None] * (K @ K)


def rotation_vector(rotation: Tensor) -> Tensor:
    """Return the rotation vectors (..., 3), of length in [0, pi], of rotations (..., 3, 3).

    Notes
    -----
    Through the unit quaternion with the largest component as divisor, exact near 0 and near pi. At
    exactly pi either sign of the axis is right; one is returned, and the derivative is one-sided.
    """
    quaternion = _quaternion(rotation)
    w, v = quaternion[..., :1], quaternion[..., 1:]
    s = v.square().sum(-1, keepdim=True)
    small = s < 1e-12
    sine = torch.where(small, torch.ones_like(s), s).sqrt()
    # 2 atan2(|v|, w) / |v|, and 2 / w (1 - |v|^2 / (3 w^2)) where |v| vanishes
    factor = torch.where(
        small, 2 / torch.where(small, w, torch.ones_like(w)) * (1 - s / 3), 2 * torch.atan2(sine, w) / sine
    )
    return factor * v


def rigid_matrix(rotation: Tensor, translation: Tensor) -> Tensor:
    """Return (..., 4, 4) matrices of x -> rotation x + translation."""
    top = torch.cat([rotation, translation[..., None]], dim=-1)
    last = torch.zeros_like(top[..., :1, :])
    last = torch.cat([last[..., :3], torch.ones_like(last[..., :1])], dim=-1)
    return torch.cat([top, last], dim=-2)


def rigid_inverse(matrix: Tensor) -> Tensor:
    """Return the inverses of rigid (..., 4, 4) matrices."""
    transposed = matrix[..., :3, :3].transpose(-1, -2)
    return rigid_matrix(transposed, -(transposed @ matrix[..., :3, 3:])[..., 0])


def rigid_from_twist(twist: Tensor) -> Tensor:
    """Return rigid (..., 4, 4) matrices of (..., 6) twists: rotation vector in radians, then velocity in mm.

    Notes
    -----
    The exponential of SE(3): R = exp [w], translation V v with V = I + b K + c K^2.
    """
    w, v = twist[..., :3], twist[..., 3:]
    K = skew(w)
    V = _eye(K) + _cosine(w)[..., None] * K + _cubic(w)[..., None] * (K @ K)
    return rigid_matrix(rotation_from_vector(w), (V @ v[..., None])[..., 0])


def twist_of_rigid(matrix: Tensor) -> Tensor:
    """Return the twists (..., 6) of rigid (..., 4, 4) matrices: the inverse of `rigid_from_twist`."""
    w = rotation_vector(matrix[..., :3, :3])
    K = skew(w)
    inverse_of_v = _eye(K) - K / 2 + _inverse(w)[..., None] * (K @ K)
    return torch.cat([w, (inverse_of_v @ matrix[..., :3, 3:])[..., 0]], dim=-1)


def _sine(w: Tensor) -> Tensor:
    """Return sin(a) / a."""
    return _coefficient(w, SINE_SERIES, lambda a: a.sin() / a)


def _cosine(w: Tensor) -> Tensor:
    """Return (1 - cos a) / a^2, as half the squared sine of a / 2: no cancellation."""
    return _coefficient(w, COSINE_SERIES, lambda a: 2 * ((a / 2).sin() / a).square())


def _cubic(w: Tensor) -> Tensor:
    """Return (a - sin a) / a^3."""
    return _coefficient(w, CUBIC_SERIES, lambda a: (a - a.sin()) / a**3)


def _inverse(w: Tensor) -> Tensor:
    """Return (1 - a/2 cot(a/2)) / a^2."""
    return _coefficient(w, INVERSE_SERIES, lambda a: (1 - a / 2 / (a / 2).tan()) / a**2)


def _coefficient(w: Tensor, series: list[float], closed: Callable[[Tensor], Tensor]) -> Tensor:
    """Evaluate a function of the angle |w| by its series in the squared angle, or in closed form: (..., 1)."""
    s = w.square().sum(-1, keepdim=True)
    small = s < SERIES_BELOW
    s_small, s_large = torch.where(small, s, torch.zeros_like(s)), torch.where(small, torch.ones_like(s), s)
    value = torch.zeros_like(s)
    for term in reversed(series):
        value = value * s_small + term
    return torch.where(small, value, closed(s_large.sqrt()))


def _quaternion(rotation: Tensor) -> Tensor:
    """Return unit quaternions (..., 4), real part first and >= 0."""
    R = [[rotation[..., i, j] for j in range(3)] for i in range(3)]
    rows = [
        [1 + R[0][0] + R[1][1] + R[2][2], R[2][1] - R[1][2], R[0][2] - R[2][0], R[1][0] - R[0][1]],
        [R[2][1] - R[1][2], 1 + R[0][0] - R[1][1] - R[2][2], R[0][1] + R[1][0], R[0][2] + R[2][0]],
        [R[0][2] - R[2][0], R[0][1] + R[1][0], 1 - R[0][0] + R[1][1] - R[2][2], R[1][2] + R[2][1]],
        [R[1][0] - R[0][1], R[0][2] + R[2][0], R[1][2] + R[2][1], 1 - R[0][0] - R[1][1] + R[2][2]],
    ]
    candidates = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
    largest = candidates.detach().diagonal(dim1=-2, dim2=-1).argmax(dim=-1)
    index = largest[..., None, None].expand(*largest.shape, 1, 4)
    quaternion = candidates.gather(-2, index)[..., 0, :]
    quaternion = quaternion / quaternion.square().sum(-1, keepdim=True).sqrt()
    return torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def _eye(matrix: Tensor) -> Tensor:
    return torch.eye(3, dtype=matrix.dtype, device=matrix.device)
