"""Weights that keep a minority of voxels, such as ribs that do not move with the liver, from deciding the pose."""

import torch
from torch import Tensor

__all__ = ["robust_weights"]

FLOOR = 1e-3
"""Smallest scale as a residual can have it: a perfect fit must not divide by zero."""


def robust_weights(residual: Tensor, inside: Tensor, *, floor: float = FLOOR) -> Tensor:
    """Return (B, N, V) weights that fall off where a residual is large against the median of its pose.

    Parameters
    ----------
    residual
        (B, N, V), or the length over several channels; the sign has no influence.
    inside
        (B, N, V) weights >= 0; voxels of weight 0 have no say in the median.
    floor
        Smallest median, in the residual's unit.

    Notes
    -----
    w / (1 + (r / 2 s)^2), s = 1.4826 median |r|.

    References
    ----------
    Holland, P. W. and Welsch, R. E. Robust regression using iteratively reweighted least-squares.
    Communications in Statistics 6, 1977. doi:10.1080/03610927708827533
    """
    scale = torch.stack([_median_scale(r, w, floor) for r, w in zip(residual, inside, strict=True)])
    return inside / (1 + (residual / (2 * scale[:, None, None])) ** 2)


def _median_scale(residual: Tensor, weights: Tensor, floor: float) -> Tensor:
    """Return a robust standard deviation: 1.4826 times the median absolute residual."""
    used = residual[weights > 0].abs()
    return 1.4826 * used.median().clamp(min=floor) if len(used) else torch.ones((), device=residual.device)
