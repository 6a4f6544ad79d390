"""Weighted rigid fit of two point sets in closed form, batched and differentiable."""

import torch
from torch import Tensor

from hepareg.networks.lie import rigid_matrix

__all__ = ["weighted_rigid_fit"]

RIDGE = 1e-6
"""Preference for the identity, as a fraction of the spread of the points: fixes rotations that the points do not."""


def weighted_rigid_fit(source: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Return the rigid maps (B, 4, 4) in mm that take source points nearest to target points.

    Parameters
    ----------
    source, target
        (B, N, 3) points in mm.
    weights
        (B, N), >= 0, not all zero.

    Returns
    -------
    Tensor
        (B, 4, 4), float64. Minimises sum w |R s + t - d|^2 over rotations R (determinant +1, no scale)
        and translations t.

    Notes
    -----
    Horn's quaternion method: the rotation is the eigenvector of the largest eigenvalue of a
    symmetric 4x4 matrix. Unlike the singular value decomposition, this needs no special case for mirror
    images. The derivative of the eigenvector, dq = (l I - K)^+ dK q, exists wherever the largest
    eigenvalue is simple; equal lower eigenvalues, as at the identity with evenly spread points, do no
    harm. First derivatives are exact; second derivatives are not provided.

    A ridge of 1e-6 of the points' mean square distance from their centroid prefers the identity if
    the points determine no rotation: points on one line are not rotated about the line, and points in
    one place are only translated. On well-spread points the ridge changes the rotation by less than
    1e-6 of its angle.

    References
    ----------
    Horn, B. K. P. Closed-form solution of absolute orientation using unit quaternions. J. Opt. Soc.
    Am. A 4, 1987. doi:10.1364/JOSAA.4.000629
    """
    source, target = source.double(), target.double()
    weights = weights.double() / weights.double().sum(dim=1, keepdim=True)
    centre_s, centre_d = ((weights[..., None] * points).sum(dim=1) for points in (source, target))
    s, d = source - centre_s[:, None], target - centre_d[:, None]
    covariance = torch.einsum("bn,bni,bnj->bij", weights, s, d)
    spread = (weights * (s.square().sum(-1) + d.square().sum(-1))).sum(dim=1)
    # the added constant keeps points that all lie in one place at the identity
    ridge = (RIDGE * spread + 1e-12).detach()[:, None, None] * torch.eye(3, dtype=s.dtype, device=s.device)
    rotation = _rotation_of(_leading_eigenvector(_horn(covariance + ridge)))
    return rigid_matrix(rotation, centre_d - (rotation @ centre_s[..., None])[..., 0])


def _horn(S: Tensor) -> Tensor:
    """Return the symmetric (B, 4, 4) matrices K with q' K q = tr(R(q) S) of covariances S = sum w s d'."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = (row.unbind(-1) for row in S.unbind(-2))
    rows = [
        [xx + yy + zz, yz - zy, zx - xz, xy - yx],
        [yz - zy, xx - yy - zz, xy + yx, zx + xz],
        [zx - xz, xy + yx, yy - xx - zz, yz + zy],
        [xy - yx, zx + xz, yz + zy, zz - xx - yy],
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def _leading_eigenvector(K: Tensor) -> Tensor:
    """Return the unit eigenvector (B, 4) of the largest eigenvalue, with its first derivative."""
    with torch.no_grad():
        values, vectors = torch.linalg.eigh(K)
        q = vectors[..., -1]
        others = vectors[..., :-1]
        inverse_gaps = 1 / (values[..., -1:] - values[..., :-1])
        pseudo_inverse = (others * inverse_gaps[..., None, :]) @ others.transpose(-1, -2)
    # The change is zero; its derivative is the derivative of the eigenvector.
    change = pseudo_inverse @ (K - K.detach()) @ q[..., None]
    return q + change[..., 0]


def _rotation_of(q: Tensor) -> Tensor:
    """Return the rotations (B, 3, 3) of unit quaternions (B, 4), real part first."""
    w, x, y, z = q.unbind(-1)
    entries = [
        w * w + x * x - y * y - z * z,
        2 * (x * y - w * z),
        2 * (x * z + w * y),
        2 * (x * y + w * z),
        w * w - x * x + y * y - z * z,
        2 * (y * z - w * x),
        2 * (x * z - w * y),
        2 * (y * z + w * x),
        w * w - x * x - y * y + z * z,
    ]
    return torch.stack(entries, dim=-1).unflatten(-1, (3, 3))
