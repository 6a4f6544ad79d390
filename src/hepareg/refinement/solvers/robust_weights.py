"""Weights that keep a minority of voxels, such as ribs that do not move with the liver, from deciding the pose."""

import torch
from torch import Tensor

__all__ = ["cell_weights", "robust_scale", "robust_weights"]

LEAST_MEDIAN_HU = 1e-3
"""Smallest median of a residual, HU: a perfect fit must not divide by zero."""

VOXEL_TUNING, CELL_TUNING = 2.0, 3.0
"""The 2 of `robust_weights`, a factor of the scale, and the 3 of `cell_weights`, a factor of the squared scale; the
kernels of `refinement.cuda` take the same numbers."""

MOST_IN_MEDIAN = 1 << 13
"""The median is taken over every n-th cell, with n such that about this many residuals are left. The median's error is
then one or two per cent, which is enough for a scale."""


def robust_weights(residual: Tensor, inside: Tensor, *, scale: Tensor) -> Tensor:
    """Return (B, N, V) weights without unit: ``inside``, reduced at voxels whose residual is large against ``scale``.

    Parameters
    ----------
    residual
        (B, N, V) r of each voxel, or its length over several channels; the sign has no influence.
    inside
        (B, N, V) weights w >= 0.
    scale
        (B,) s of `robust_scale`, in the residual's unit.

    Notes
    -----
    w / (1 + (r / (2 s))^2).

    References
    ----------
    Holland, P. W. and Welsch, R. E. Robust regression using iteratively reweighted least-squares.
    Communications in Statistics 6, 1977. doi:10.1080/03610927708827533
    """
    return inside / (1 + (residual / (VOXEL_TUNING * scale[:, None, None])) ** 2)


def cell_weights(residual: Tensor, inside: Tensor, *, scale: Tensor) -> Tensor:
    """Return (B, N, 1) factors in (0, 1] for whole cells: small if a cell's mean square residual is large.

    If a neighbour moves differently, an organ slides along a wall or thin layers differ in sharpness, the whole cell
    biases the pose. Weights of single voxels do not remove such a cell, because a voxel's residual is small at any
    place at which the intensity profiles of template and sampled image happen to cross.

    Parameters
    ----------
    residual, inside, scale
        As in `robust_weights`.

    Notes
    -----
    1 / (1 + m / (3 s^2))^2, with m the mean of r^2 over the cell's voxels, weighted by ``inside``.

    References
    ----------
    Geman, S. and McClure, D. E. Statistical methods for tomographic image reconstruction. Bulletin of the International
    Statistical Institute 52, 1987.
    """
    mean = (inside * residual.square()).sum(dim=-1, keepdim=True) / inside.sum(dim=-1, keepdim=True).clamp(
        min=LEAST_MEDIAN_HU
    )
    return (1 + mean / (CELL_TUNING * scale.square()[:, None, None])) ** -2


def robust_scale(residual: Tensor, inside: Tensor, *, floor: float = LEAST_MEDIAN_HU) -> Tensor:
    """Return the (B,) scale s = 1.4826 median |r| of each pose: a standard deviation that few outliers hardly change.

    Parameters
    ----------
    residual, inside
        (B, N, V); voxels of weight 0 do not count.
    floor
        Smallest median, in the residual's unit.
    """
    stride = max(1, -(-residual[0].numel() // MOST_IN_MEDIAN))
    some, used = residual[:, ::stride].abs(), inside[:, ::stride] > 0
    median = torch.where(used, some, torch.nan).flatten(1).nanmedian(dim=1).values
    return 1.4826 * median.nan_to_num(nan=1.0).clamp(min=floor)  # no voxel inside: any scale will do
