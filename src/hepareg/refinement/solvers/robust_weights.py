"""Weights that keep a minority of voxels, such as ribs that do not move with the liver, from deciding the pose."""

import torch
from torch import Tensor

__all__ = ["cell_weights", "robust_scale", "robust_weights"]

FLOOR = 1e-3
"""Smallest scale as a residual can have it: a perfect fit must not divide by zero."""

MOST_IN_MEDIAN = 1 << 13
"""The median is taken over every n-th cell, so that about this many residuals are looked at: it is then known to one
or two per cent, and a scale does not have to be known better."""


def robust_weights(residual: Tensor, inside: Tensor, *, scale: Tensor) -> Tensor:
    """Return (B, N, V) weights that fall off where a residual is large against the median of its pose.

    Parameters
    ----------
    residual
        (B, N, V), or the length over several channels; the sign has no influence.
    inside
        (B, N, V) weights >= 0.
    scale
        (B,) s of `robust_scale`.

    Notes
    -----
    w / (1 + (r / 2 s)^2).

    References
    ----------
    Holland, P. W. and Welsch, R. E. Robust regression using iteratively reweighted least-squares.
    Communications in Statistics 6, 1977. doi:10.1080/03610927708827533
    """
    return inside / (1 + (residual / (2 * scale[:, None, None])) ** 2)


def cell_weights(residual: Tensor, inside: Tensor, *, scale: Tensor) -> Tensor:
    """Return (B, N, 1) weights that fall off where a whole cell is explained worse than the cells of its pose are.

    A voxel's residual is small wherever two profiles happen to cross, also in a cell in which something moves
    otherwise, an organ slides along a wall, or thin layers differ in sharpness. Such a cell's slope, and with
    it its pull on the pose, is wrong as a whole.

    Notes
    -----
    1 / (1 + m / 3 s^2)^2, m the mean square of the cell's residual.

    References
    ----------
    Geman, S. and McClure, D. E. Statistical methods for tomographic image reconstruction. Bulletin of the International
    Statistical Institute 52, 1987.
    """
    mean = (inside * residual.square()).sum(dim=-1, keepdim=True) / inside.sum(dim=-1, keepdim=True).clamp(min=FLOOR)
    return (1 + mean / (3 * scale.square()[:, None, None])) ** -2


def robust_scale(residual: Tensor, inside: Tensor, *, floor: float = FLOOR) -> Tensor:
    """Return (B,) s = 1.4826 median |r|, a standard deviation that outliers do not move.

    Parameters
    ----------
    residual, inside
        (B, N, V); voxels of weight 0 have no say.
    floor
        Smallest median, in the residual's unit.
    """
    stride = max(1, -(-residual[0].numel() // MOST_IN_MEDIAN))
    some, used = residual[:, ::stride].abs(), inside[:, ::stride] > 0
    median = torch.where(used, some, torch.nan).flatten(1).nanmedian(dim=1).values
    return 1.4826 * median.nan_to_num(nan=1.0).clamp(min=floor)  # no voxel inside: any scale will do
