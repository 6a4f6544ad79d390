"""Nearest rotation to a matrix, differentiable even where all singular values are equal."""

import torch
from torch import Tensor

__all__ = ["polar_rotation"]

ITERATIONS = 10
"""Number of iterations; enough for float64 at every condition number that a network can produce."""


def polar_rotation(matrix: Tensor) -> Tensor:
    """Return the orthogonal polar factors (..., 3, 3) of matrices (..., 3, 3).

    For a positive determinant the polar factor is the nearest rotation, for a negative determinant the
    nearest mirrored rotation, and for a singular matrix NaN. The caller keeps the determinant positive.

    Notes
    -----
    Newton's iteration X <- (g X + X^-T / g) / 2 with g = sqrt(|X^-1| / |X|), quadratically
    convergent. The derivative exists wherever the factor is unique. That includes the identity, where
    the derivative of the singular value decomposition is 0/0.

    References
    ----------
    Higham, N. J. Computing the polar decomposition - with applications. SIAM J. Sci. Stat. Comput.
    7, 1986. doi:10.1137/0907079
    """
    X = matrix
    for _ in range(ITERATIONS):
        inverse_transposed = _cofactors(X)
        determinant = (X[..., 0, :] * inverse_transposed[..., 0, :]).sum(-1)[..., None, None]
        inverse_transposed = inverse_transposed / determinant
        scale = (_norm(inverse_transposed) / _norm(X)).sqrt()
        X = (X * scale + inverse_transposed / scale) / 2
    return X


def _cofactors(X: Tensor) -> Tensor:
    """Return det(X) X^-T, whose rows are the cross products of the other two rows of X."""
    a, b, c = X.unbind(dim=-2)
    pairs = ((b, c), (c, a), (a, b))
    return torch.stack([torch.linalg.cross(p, q, dim=-1) for p, q in pairs], dim=-2)


def _norm(X: Tensor) -> Tensor:
    return X.square().sum(dim=(-1, -2), keepdim=True).sqrt()
