"""Rotations and rigid motions as batched, differentiable tensors.

`hepareg.geometry.rotations` has the same functions in NumPy; a test compares the two. The coefficients are functions
of the squared angle, by their power series near zero, so that derivatives are finite at the identity, where training
starts.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["rigid_matrix", "rotation_from_vector", "skew"]

SERIES_BELOW = 0.25
"""Squared angle below which power series are used; eight terms are exact to float64 there."""

SINE_SERIES = [(-1) ** n / math.factorial(2 * n + 1) for n in range(8)]
COSINE_SERIES = [(-1) ** n / math.factorial(2 * n + 2) for n in range(8)]


def skew(vector: Tensor) -> Tensor:
    """Return the (..., 3, 3) matrices K with ``K @ x == cross(vector, x)`` of (..., 3) vectors."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))


def rotation_from_vector(vector: Tensor) -> Tensor:
    """Return the rotations (..., 3, 3) by |vector| radians about (..., 3) vectors, by Rodrigues' formula."""
    K = skew(vector)
    return _eye(K) + _sine(vector)[..., None] * K + _cosine(vector)[..., None] * (K @ K)


def rigid_matrix(rotation: Tensor, translation: Tensor) -> Tensor:
    """Return the (..., 4, 4) matrices of the maps x -> rotation x + translation."""
    top = torch.cat([rotation, translation[..., None]], dim=-1)
    last = torch.zeros_like(top[..., :1, :])
    last = torch.cat([last[..., :3], torch.ones_like(last[..., :1])], dim=-1)
    return torch.cat([top, last], dim=-2)


def _sine(w: Tensor) -> Tensor:
    """Return sin(a) / a."""
    return _coefficient(w, SINE_SERIES, lambda a: a.sin() / a)


def _cosine(w: Tensor) -> Tensor:
    """Return (1 - cos a) / a^2, computed without cancellation from the sine of a / 2."""
    return _coefficient(w, COSINE_SERIES, lambda a: 2 * ((a / 2).sin() / a).square())


def _coefficient(w: Tensor, series: list[float], closed: Callable[[Tensor], Tensor]) -> Tensor:
    """Return a function of the angle |w|, by its series in the squared angle or in closed form: (..., 1)."""
    s = w.square().sum(-1, keepdim=True)
    small = s < SERIES_BELOW
    s_small, s_large = torch.where(small, s, torch.zeros_like(s)), torch.where(small, torch.ones_like(s), s)
    value = torch.zeros_like(s)
    for term in reversed(series):
        value = value * s_small + term
    return torch.where(small, value, closed(s_large.sqrt()))


def _eye(matrix: Tensor) -> Tensor:
    return torch.eye(3, dtype=matrix.dtype, device=matrix.device)
