"""The intensity map of every cell, template = a * sampled + b + c * surface, fitted and eliminated in closed form.

All functions work on cells as rows: (..., N, V) tensors of N cells with V voxels each, weighted voxel by voxel.
"""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["TINY", "IntensityFit", "MapRidges", "centred_squares", "eliminate_map", "fit_map", "sum_all"]

TINY = 1e-6
"""Keeps sums of weights and of squares that are divided by away from zero; far below any sum that counts."""


class MapRidges(NamedTuple):
    """Numbers added to a cell's variances, so that a cell without contrast determines nothing.

    Attributes
    ----------
    intensity_hu2
        Added to the variance of the sampled intensities, HU^2.
    surface
        Added to the variance of the surface's step, which runs from 0 to 1.
    """

    intensity_hu2: float
    surface: float


class IntensityFit(NamedTuple):
    """The fitted map of every cell; all tensors (B, N, V).

    Attributes
    ----------
    x, y
        Sampled and template intensities minus their weighted means in the cell, HU.
    surface
        The surface's step minus its weighted mean in the cell, or None without a step.
    residual
        y minus the fitted map of x and surface, HU.
    """

    x: Tensor
    y: Tensor
    surface: Tensor | None
    residual: Tensor

    @property
    def columns(self) -> tuple[Tensor, ...]:
        """Columns of the regression: x, y and, if there is one, the surface's step."""
        return (self.x, self.y) if self.surface is None else (self.x, self.y, self.surface)


def fit_map(x: Tensor, y: Tensor, weights: Tensor, ridges: MapRidges, surface: Tensor | None) -> IntensityFit:
    """Return the weighted ridge regression y = a x + b, or y = a x + b + c surface, of every cell.

    Each cell minimises sum_v w_v (y_v - a x_v - b - c s_v)^2 + W (``ridges.intensity_hu2`` a^2 + ``ridges.surface``
    c^2), with W the sum of its weights w.

    Parameters
    ----------
    x
        (..., N, V) sampled intensities, HU.
    y
        (N, V) template intensities, HU.
    weights
        (..., N, V) weights of the voxels, 0 or more.
    ridges
        Numbers that keep cells without contrast from determining anything.
    surface
        (N, V) step s at the mask's surface, 0 to 1; None leaves out the term c s.
    """
    total = _sum(weights)
    xc, yc = _centre(x, weights, total), _centre(y, weights, total)
    wx = weights * xc
    xx, xy = _sum(wx * xc) + ridges.intensity_hu2 * total + TINY, _sum(wx * yc)
    if surface is None:
        return IntensityFit(xc, yc, None, torch.addcmul(yc, xy / xx, xc, value=-1))
    step = _centre(surface, weights, total)
    ws = weights * step
    ss, sx, sy = _sum(ws * step) + ridges.surface * total + TINY, _sum(ws * xc), _sum(ws * yc)
    slope = (xy - sx * sy / ss) / (xx - sx * sx / ss)
    size = (sy - slope * sx) / ss
    residual = torch.addcmul(yc, slope, xc, value=-1).addcmul_(size, step, value=-1)
    return IntensityFit(xc, yc, step, residual)


def eliminate_map(columns: Tensor, weights: Tensor, ridges: MapRidges, *, with_surface: bool) -> tuple[Tensor, Tensor]:
    """Return J'WJ and J'Wr of each cell with the cell's own a, b and c eliminated.

    G are the derivatives of the sampled image by the n parameters, W the diagonal matrix of the weights, and Q v is a
    column v minus its weighted least-squares fit by the map's columns: the constant, the surface's step (if any) and x.
    Then r = Q y is the residual, and J = -a Q G its derivative, with the cell's fitted slope a. This is variable
    projection in Kaufman's form: the change of a, b and c with the parameters enters through Q alone. So

    J'WJ = a^2 (Q G)' W (Q G),  J'Wr = -a (Q G)' W (Q y).

    Parameters
    ----------
    columns
        (n + 2, B, N, V), or (n + 3, B, N, V) with a surface: the n columns of G in HU per unit of the parameter (mm, or
        voxel^2 of a blur), then x and y of `IntensityFit` in HU, then the surface's step.
    weights
        (B, N, V) weights of the voxels, robust weights included. x, y and step had their means under other weights
        subtracted, so the constant is projected out here once more, from all columns.
    ridges
        Added, times the sum of a cell's weights, to the squared length of x and of the step when these are projected
        out, and so to the denominator of the slope a.
    with_surface
        Whether the last column is the surface's step.

    Returns
    -------
    tuple of Tensor
        Hessians J'WJ (B, N, n, n) and gradients J'Wr (B, N, n).

    Notes
    -----
    One batched product gives the moments M_ij = sum_v w_v u_iv u_jv of all columns u. To project out a column u_k,
    m m' / (m_k + ridge) is subtracted from M, with m the column k of M after the projections before it: first the
    constant, then the step, then x (Gram-Schmidt). Then a = M_xy / (M_xx + ridge), with the moments before the last of
    these projections.
    """
    poses, cells = columns.shape[1:3]
    n = len(columns) - 2 - with_surface
    by_cell = columns.permute(1, 2, 0, 3).flatten(0, 1)
    weighted = (columns * weights).permute(1, 2, 0, 3).flatten(0, 1)
    moments = torch.bmm(weighted, by_cell.transpose(1, 2))
    total = weights.sum(dim=-1).clamp(min=TINY).flatten()
    projected = [weighted.sum(dim=-1) / total.sqrt()[:, None]]
    if with_surface:
        across = _remaining_column(moments, n + 2, projected)
        projected.append(across / (across[:, n + 2] + ridges.surface * total + TINY).sqrt()[:, None])
    across = _remaining_column(moments, n, projected)
    xx = across[:, n] + ridges.intensity_hu2 * total + TINY
    projected.append(across / xx.sqrt()[:, None])
    slope = (across[:, n + 1] / xx)[:, None]
    vectors = torch.stack(projected, dim=2)
    left = torch.baddbmm(moments[:, :n, : n + 2], vectors[:, :n], vectors[:, : n + 2].transpose(1, 2), alpha=-1)
    H, g = slope[..., None].square() * left[..., :n], -slope * left[..., n + 1]
    return H.unflatten(0, (poses, cells)), g.unflatten(0, (poses, cells))


def centred_squares(values: Tensor, weights: Tensor, ridges: MapRidges, surface: Tensor | None) -> Tensor:
    """Return the (N, V) squares of the values minus their cell's mean and, with a surface, minus their fitted step."""
    total = _sum(weights)
    centred = _centre(values, weights, total)
    if surface is None:
        return centred.square()
    step = _centre(surface, weights, total)
    size = _sum(weights * step * centred) / (_sum(weights * step * step) + ridges.surface * total + TINY)
    return (centred - size * step).square()


def sum_all(values: Tensor) -> Tensor:
    """Return the sum over cells and voxels, (...,) float64."""
    return values.sum(dim=-1).sum(dim=-1, dtype=torch.float64)


def _remaining_column(moments: Tensor, column: int, projected: list[Tensor]) -> Tensor:
    """Return a column of the moment matrix after projecting out the vectors found so far (one Gram-Schmidt step)."""
    across = moments[:, :, column]
    for vector in projected:
        across = across - vector * vector[:, column, None]
    return across


def _centre(values: Tensor, weights: Tensor, total: Tensor) -> Tensor:
    return values - _sum(weights * values) / total.clamp(min=TINY)


def _sum(values: Tensor) -> Tensor:
    return values.sum(dim=-1, keepdim=True)
