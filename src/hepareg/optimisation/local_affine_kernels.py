"""The default residual on a CUDA device: two kernels in place of a hundred small operations.

What `LocalAffine` writes in tensors is done here cell by cell: the first kernel samples the moving image and fits the
intensity map, the second weighs the residuals and adds up the normal equations. In between, the scale of the
robust weights has to be known over all cells. No sum depends on the order in which cells are finished. A test holds
both ways to each other. Needs Triton, which comes with torch's CUDA builds.

References
----------
Tillet, P., Kung, H. T., Cox, D. Triton: an intermediate language and compiler for tiled neural network
computations. MAPL 2019. doi:10.1145/3315508.3329973
"""

from functools import cache
from itertools import combinations_with_replacement, product
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from hepareg.optimisation.samples import CellSamples, MovingFeatures
from hepareg.transforms.warp import EDGE_TOLERANCE_VOX

__all__ = ["Fitted", "Summed", "fit_cells", "sum_cells"]

TINY = 1e-6
CELLS_EACH = 8
"""Cells of one program; with 32 or 64 voxels a cell, a few hundred voxels in registers."""
PLANES = 7


class Fitted(NamedTuple):
    """What the first kernel finds, for B poses and N cells of V voxels.

    Parameters
    ----------
    planes
        (7, B, N, V): moving and fixed intensity less their means in the cell, the residual, the weight that lies
        inside the moving image, and the moving image's gradient along x, y and z of the fixed world.
    sums
        (2, B, N): weighted square of what is unexplained, voxels outside the moving image wholly so; weight inside.
    """

    planes: Tensor
    sums: Tensor


class Summed(NamedTuple):
    """What the second kernel finds: (29, B, N), 21 of the Hessian's upper triangle, 6 of the gradient, the weights'
    sum and the weighted sum of squares of the residual."""

    terms: Tensor

    @property
    def hessian(self) -> Tensor:
        """(B, N, 6, 6)."""
        return self.terms[_whole_matrix(self.terms.device)].permute(1, 2, 0).unflatten(2, (6, 6))

    @property
    def gradient(self) -> Tensor:
        """(B, N, 6)."""
        return self.terms[21:27].permute(1, 2, 0)


def fit_cells(
    voxel_from_offset: Tensor, samples: CellSamples, spread: Tensor, moving: MovingFeatures, *, ridge_hu2: float
) -> Fitted:
    """Sample the moving image at B poses and fit the intensity map in every cell.

    Parameters
    ----------
    voxel_from_offset
        (B, 3, 4) from offsets in mm to moving voxels, float32.
    spread
        (N, V) squared fixed intensities less their cell's mean.
    """
    poses, (cells, voxels) = len(voxel_from_offset), samples.values.shape
    planes = samples.values.new_empty(PLANES, poses, cells, voxels)
    sums = samples.values.new_empty(2, poses, cells)
    grid = (poses, triton.cdiv(cells, CELLS_EACH))
    _fit[grid](
        voxel_from_offset, moving.table, samples.offsets_mm.permute(2, 0, 1), samples.values, samples.weights, spread,
        planes, sums, poses, cells, *moving.grid.shape, ridge_hu2,
        V=voxels, WIDTH=triton.next_power_of_2(voxels), CELLS=CELLS_EACH, TOLERANCE=EDGE_TOLERANCE_VOX, TINY=TINY,
    )  # fmt: skip
    return Fitted(planes, sums)


def sum_cells(
    fitted: Fitted, samples: CellSamples, scale: Tensor | None, *, radius_mm: float, ridge_hu2: float
) -> Summed:
    """Weigh the residuals and add up each cell's normal equations, its intensity map eliminated.

    Parameters
    ----------
    scale
        (B,) scale of the robust weights, or None for the plain weights.
    radius_mm
        Arc radius of the rotations' parameters.
    """
    _, poses, cells, voxels = fitted.planes.shape
    terms = fitted.planes.new_empty(29, poses, cells)
    grid = (poses, triton.cdiv(cells, CELLS_EACH))
    _sum[grid](
        fitted.planes, samples.offsets_mm.permute(2, 0, 1), fitted.planes if scale is None else scale, terms,
        poses, cells, radius_mm, ridge_hu2,
        V=voxels, WIDTH=triton.next_power_of_2(voxels), CELLS=CELLS_EACH, ROBUST=scale is not None, TINY=TINY,
    )  # fmt: skip
    return Summed(terms)


@cache
def _whole_matrix(device: torch.device) -> Tensor:
    """Return the places of a symmetric matrix's 36 entries among the 21 of its upper triangle."""
    upper = {pair: n for n, pair in enumerate(combinations_with_replacement(range(6), 2))}
    places = [upper[min(a, b), max(a, b)] for a, b in product(range(6), repeat=2)]
    return torch.tensor(places, device=device)


@triton.jit
def _axis(position, size, TOLERANCE: tl.constexpr):
    """Return the lower voxel, the step to the upper one, the way between them, and whether the position is inside."""
    nearest = tl.minimum(tl.maximum(position, 0.0), size - 1.0)
    inside = tl.abs(position - nearest) <= TOLERANCE
    first = tl.minimum(nearest.to(tl.int32), tl.maximum(size - 2, 0))
    return first, tl.minimum(size - 1, 1), nearest - first.to(tl.float32), inside


@triton.jit(do_not_specialize=["poses", "cells", "ni", "nj", "nk"])
def _fit(
    matrices, table, offsets, values, weights, spread, planes, sums, poses, cells, ni, nj, nk, ridge,
    V: tl.constexpr, WIDTH: tl.constexpr, CELLS: tl.constexpr, TOLERANCE: tl.constexpr, TINY: tl.constexpr,
) -> None:  # fmt: skip
    pose = tl.program_id(0)
    cell = tl.program_id(1) * CELLS + tl.arange(0, CELLS)
    voxel = tl.arange(0, WIDTH)
    used = (cell[:, None] < cells) & (voxel[None, :] < V)
    at = cell[:, None] * V + voxel[None, :]
    plane = cells * V
    x = tl.load(offsets + at, mask=used, other=0.0)
    y = tl.load(offsets + plane + at, mask=used, other=0.0)
    z = tl.load(offsets + 2 * plane + at, mask=used, other=0.0)
    m = matrices + pose * 12
    a00, a01, a02, a03 = tl.load(m), tl.load(m + 1), tl.load(m + 2), tl.load(m + 3)
    a10, a11, a12, a13 = tl.load(m + 4), tl.load(m + 5), tl.load(m + 6), tl.load(m + 7)
    a20, a21, a22, a23 = tl.load(m + 8), tl.load(m + 9), tl.load(m + 10), tl.load(m + 11)
    i, di, fi, in_i = _axis(a00 * x + a01 * y + a02 * z + a03, ni, TOLERANCE)
    j, dj, fj, in_j = _axis(a10 * x + a11 * y + a12 * z + a13, nj, TOLERANCE)
    k, dk, fk, in_k = _axis(a20 * x + a21 * y + a22 * z + a23, nk, TOLERANCE)
    first = ((i.to(tl.int64) * nj + j) * nk + k) * 4
    value = tl.zeros([CELLS, WIDTH], dtype=tl.float32)
    gi = tl.zeros([CELLS, WIDTH], dtype=tl.float32)
    gj = tl.zeros([CELLS, WIDTH], dtype=tl.float32)
    gk = tl.zeros([CELLS, WIDTH], dtype=tl.float32)
    for corner in tl.static_range(8):
        up_i, up_j, up_k = corner // 4, corner // 2 % 2, corner % 2
        row = first + 4 * (up_i * di * nj * nk + up_j * dj * nk + up_k * dk)
        share = (fi if up_i else 1 - fi) * (fj if up_j else 1 - fj) * (fk if up_k else 1 - fk)
        value += share * tl.load(table + row, mask=used, other=0.0)
        gi += share * tl.load(table + row + 1, mask=used, other=0.0)
        gj += share * tl.load(table + row + 2, mask=used, other=0.0)
        gk += share * tl.load(table + row + 3, mask=used, other=0.0)
    wanted = tl.load(weights + at, mask=used, other=0.0)
    inside = tl.where(in_i & in_j & in_k, wanted, 0.0)
    fixed = tl.load(values + at, mask=used, other=0.0)
    total = tl.sum(inside, axis=1)
    some = tl.maximum(total, TINY)
    xc = value - (tl.sum(inside * value, axis=1) / some)[:, None]
    yc = fixed - (tl.sum(inside * fixed, axis=1) / some)[:, None]
    variance = tl.sum(inside * xc * xc, axis=1) + ridge * total + TINY
    slope = tl.sum(inside * xc * yc, axis=1) / variance
    residual = yc - slope[:, None] * xc
    apart = tl.load(spread + at, mask=used, other=0.0)
    unexplained = tl.sum(inside * residual * residual + (wanted - inside) * apart, axis=1)
    whole = poses.to(tl.int64) * plane
    out = planes + pose.to(tl.int64) * plane + at
    tl.store(out, xc, mask=used)
    tl.store(out + whole, yc, mask=used)
    tl.store(out + 2 * whole, residual, mask=used)
    tl.store(out + 3 * whole, inside, mask=used)
    tl.store(out + 4 * whole, gi * a00 + gj * a10 + gk * a20, mask=used)
    tl.store(out + 5 * whole, gi * a01 + gj * a11 + gk * a21, mask=used)
    tl.store(out + 6 * whole, gi * a02 + gj * a12 + gk * a22, mask=used)
    tl.store(sums + pose * cells + cell, unexplained, mask=cell < cells)
    tl.store(sums + (poses + pose) * cells + cell, total, mask=cell < cells)


@triton.jit(do_not_specialize=["poses", "cells"])
def _sum(
    planes, offsets, scales, terms, poses, cells, radius, ridge,
    V: tl.constexpr, WIDTH: tl.constexpr, CELLS: tl.constexpr, ROBUST: tl.constexpr, TINY: tl.constexpr,
) -> None:  # fmt: skip
    pose = tl.program_id(0)
    cell = tl.program_id(1) * CELLS + tl.arange(0, CELLS)
    voxel = tl.arange(0, WIDTH)
    used = (cell[:, None] < cells) & (voxel[None, :] < V)
    at = cell[:, None] * V + voxel[None, :]
    plane = cells * V
    whole = poses.to(tl.int64) * plane
    here = planes + pose.to(tl.int64) * plane + at
    xc = tl.load(here, mask=used, other=0.0)
    yc = tl.load(here + whole, mask=used, other=0.0)
    residual = tl.load(here + 2 * whole, mask=used, other=0.0)
    weight = tl.load(here + 3 * whole, mask=used, other=0.0)
    if ROBUST:
        ratio = residual / (2 * tl.load(scales + pose))
        weight = weight / (1 + ratio * ratio)
    gx = tl.load(here + 4 * whole, mask=used, other=0.0)
    gy = tl.load(here + 5 * whole, mask=used, other=0.0)
    gz = tl.load(here + 6 * whole, mask=used, other=0.0)
    x = tl.load(offsets + at, mask=used, other=0.0) / radius
    y = tl.load(offsets + plane + at, mask=used, other=0.0) / radius
    z = tl.load(offsets + 2 * plane + at, mask=used, other=0.0) / radius
    total = tl.maximum(tl.sum(weight, axis=1), TINY)
    # About their weighted means, all columns: the intensity map's offset is eliminated with that.
    xc -= (tl.sum(weight * xc, axis=1) / total)[:, None]
    yc -= (tl.sum(weight * yc, axis=1) / total)[:, None]
    xx = tl.sum(weight * xc * xc, axis=1) + ridge * total + TINY
    slope = tl.sum(weight * xc * yc, axis=1) / xx
    J = (y * gz - z * gy, z * gx - x * gz, x * gy - y * gx, gx, gy, gz)
    out = terms + pose * cells + cell
    step = poses * cells
    kept = cell < cells
    for a in tl.static_range(6):
        wa = weight * (J[a] - (tl.sum(weight * J[a], axis=1) / total)[:, None])
        ax = tl.sum(wa * xc, axis=1)
        tl.store(out + (21 + a) * step, -slope * (tl.sum(wa * yc, axis=1) - ax * slope), mask=kept)
        for b in tl.static_range(a, 6):
            bx = tl.sum(weight * (J[b] - (tl.sum(weight * J[b], axis=1) / total)[:, None]) * xc, axis=1)
            moment = tl.sum(wa * J[b], axis=1) - ax * bx / xx
            tl.store(out + (a * (11 - a) // 2 + b) * step, slope * slope * moment, mask=kept)
    tl.store(out + 27 * step, tl.sum(weight, axis=1), mask=kept)
    tl.store(out + 28 * step, tl.sum(weight * residual * residual, axis=1), mask=kept)
