"""The residual on a CUDA device: two kernels in place of a hundred small operations.

The kernels compute the tensors of `LocalAffine` cell by cell: the first one interpolates the sampled image and fits the
intensity map, the second one applies the robust weights and adds up the normal equations. In between, the scale of the
robust weights is computed over all cells. No sum depends on the order in which cells are finished. A test compares
kernels and tensor operations. Needs Triton, which comes with torch's CUDA builds.

References
----------
Tillet, P., Kung, H. T., Cox, D. Triton: an intermediate language and compiler for tiled neural network
computations. MAPL 2019. doi:10.1145/3315508.3329973
"""

from functools import cache
from itertools import combinations_with_replacement, product

import numpy as np
import torch
import triton
import triton.language as tl
from numpy.typing import NDArray
from torch import Tensor

from hepareg.refinement.images.sampled_features import CURVED
from hepareg.refinement.images.template_cells import TemplateCells
from hepareg.refinement.intensity_map import TINY
from hepareg.refinement.local_affine import ResidualData
from hepareg.refinement.solvers.normal_equations import ARC_RADIUS_MM, NormalEquations
from hepareg.refinement.solvers.robust_weights import CELL_TUNING, LEAST_MEDIAN_HU, MOST_IN_MEDIAN, VOXEL_TUNING
from hepareg.transforms.warp import EDGE_TOLERANCE_VOX

__all__ = [
    "INSIDE",
    "UNEXPLAINED",
    "FusedEquations",
    "cell_equations",
    "fit_cells",
    "probe",
    "sum_voxels",
    "unexplained",
]

CELLS_EACH = 8
"""Cells of one program; with 32 or 64 voxels a cell, a few hundred voxels in registers."""
WEIGHT, SQUARES, UNEXPLAINED, INSIDE = -4, -3, -2, -1
"""The last four of the R rows of each cell. `WEIGHT`: sum of the robust weights. `SQUARES`: sum of robust weight times
squared residual. `UNEXPLAINED`: sum of weight times squared residual, to which a voxel outside the sampled image adds
the template's own square (`ResidualData.squares`). `INSIDE`: sum of the weights of voxels inside the sampled image. The
rows before them are the Hessian's upper triangle, row by row, and the gradient."""


class FusedEquations:
    """`CellEquations` from the (R, B, N) rows that `sum_voxels` returns."""

    def __init__(self, rows: Tensor, data: ResidualData) -> None:
        self._rows = rows
        self._data = data

    @property
    def hessian(self) -> Tensor:
        """Gauss-Newton Hessian of each cell under each pose, per mm^2: (B, N, n, n)."""
        n = self._data.num_parameters
        return self._rows[_whole_matrix(n, self._rows.device)].permute(1, 2, 0).unflatten(2, (n, n))

    @property
    def gradient(self) -> Tensor:
        """Gradient of each cell's half sum of squares under each pose, per mm: (B, N, n)."""
        return self._rows[_triangle(self._data.num_parameters) : WEIGHT].permute(1, 2, 0)

    @property
    def residual_variance(self) -> Tensor:
        """Robustly weighted mean square of the residual in HU^2, one number for all poses together: shape ()."""
        weight, squares = self._rows[WEIGHT:UNEXPLAINED].sum(dim=(1, 2), dtype=torch.float64)
        return squares / weight.clamp(min=TINY) + TINY

    def sum_cells(self) -> NormalEquations:
        """Return the normal equations of the pose alone, summed over all cells, after one copy from the device."""
        n = self._data.num_parameters
        host = self._rows.sum(dim=2, dtype=torch.float64).cpu().numpy()
        hessian = host[_places(n)].T.reshape(-1, n, n)
        gradient = host[_triangle(n) : WEIGHT].T
        return NormalEquations.for_pose(hessian, gradient, *_shares(host[UNEXPLAINED:], self._data))


def cell_equations(matrices: NDArray[np.floating], data: ResidualData) -> FusedEquations:
    """Return the normal equations of each cell about each of (B, 4, 4) poses sampled_from_template."""
    planes, rows = fit_cells(data.sampled.voxel_from_offset(matrices, data.cells), data)
    return FusedEquations(sum_voxels(planes, rows, data), data)


def sum_voxels(planes: Tensor, rows: Tensor, data: ResidualData) -> Tensor:
    """Apply the robust weights to the residuals, fill the remaining rows of `fit_cells` in place and return them.

    These rows are the Hessian's upper triangle, the gradient, and the sums `WEIGHT` and `SQUARES`; R is their number
    plus 2: n (n + 1) / 2 + n + 4 for n parameters.
    """
    poses, cells, voxels = planes.shape[1:]
    median = rows
    if data.settings.robust:
        stride = max(1, -(-planes[0, 0].numel() // MOST_IN_MEDIAN))
        median = planes[-1, :, ::stride].flatten(1).nanmedian(dim=1).values
    _sum[(poses, triton.cdiv(cells, CELLS_EACH))](
        planes, _offsets(data.cells), _surface(data.cells), median, rows,
        poses, cells, ARC_RADIUS_MM, data.settings.ridge_hu2, V=voxels, WIDTH=triton.next_power_of_2(voxels),
        CELLS=CELLS_EACH, SURFACE=data.cells.surface is not None, SURFACE_RIDGE=data.settings.surface_ridge,
        ROBUST=data.settings.robust, FLOOR=LEAST_MEDIAN_HU, VOXEL_TUNING=VOXEL_TUNING,
        CELL_TUNING=CELL_TUNING, TINY=TINY, FREE_BLUR=data.free_blur, N=data.num_parameters,
    )  # fmt: skip
    return rows


def unexplained(
    matrices: NDArray[np.floating], data: ResidualData
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return the objectives (B,) and the overlaps (B,), as in `NormalEquations`, at (B, 4, 4) poses."""
    rows = fit_cells(data.sampled.voxel_from_offset(matrices, data.cells), data)[1]
    return _shares(rows[UNEXPLAINED:].sum(dim=2, dtype=torch.float64).cpu().numpy(), data)


def fit_cells(voxel_from_offset: Tensor, data: ResidualData) -> tuple[Tensor, Tensor]:
    """Interpolate the sampled image at the voxels of all cells under B poses, and fit the intensity map of each cell.

    There are N cells of V voxels each, n parameters (6, or 9 with free blurs) and R = n (n + 1) / 2 + n + 4 sums.

    Parameters
    ----------
    voxel_from_offset
        (B, 3, 4) float32 maps from a template voxel's offset in mm from the cells' centre, in the template's world, to
        fractional voxel indices of the sampled image (`SampledFeatures.voxel_from_offset`).
    data
        `ResidualData`: the cells, the sampled image and the settings, which are the same for every pose.

    Returns
    -------
    planes
        (8, B, N, V), or (11, B, N, V) with free blurs, float32. In this order:

        - 0, 1: sampled and template intensity, each minus its weighted mean in the cell, HU;
        - 2: the residual of the intensity map, HU (`fit_map`, without robust weights);
        - 3: the voxel's weight, 0 outside the sampled image;
        - 4, 5, 6: the sampled image's derivatives along the axes x, y and z of the template's world, HU per mm;
        - with free blurs 7, 8, 9: half of its second differences along its own voxel axes, HU per voxel^2;
        - last: the absolute residual, or NaN at weight 0, so that a median over it skips these voxels.
    rows
        (R, B, N) float32: memory for the sums of each cell that `FusedEquations` reads. Only the last two rows are
        set here, `UNEXPLAINED` and `INSIDE`; the others are undefined until `sum_voxels` sets them.
    """
    cells, sampled = data.cells, data.sampled
    n, poses, (num_cells, voxels) = data.num_parameters, len(voxel_from_offset), cells.values.shape
    planes = cells.values.new_empty(n + 2, poses, num_cells, voxels)
    rows = cells.values.new_empty(_triangle(n) + n - WEIGHT, poses, num_cells)
    _fit[(poses, triton.cdiv(num_cells, CELLS_EACH))](
        voxel_from_offset, sampled.table, _offsets(cells), cells.values, cells.weights,
        _surface(cells), data.squares, planes, rows[UNEXPLAINED:], poses, num_cells, *sampled.grid.shape,
        data.settings.ridge_hu2, V=voxels, WIDTH=triton.next_power_of_2(voxels), CELLS=CELLS_EACH,
        SURFACE=cells.surface is not None, SURFACE_RIDGE=data.settings.surface_ridge, TOLERANCE=EDGE_TOLERANCE_VOX,
        TINY=TINY, ROW=sampled.num_rows, CURVED=sampled.num_rows == CURVED, FREE_BLUR=data.free_blur,
        DEBLUR=sampled.deblur or 0.0,
    )  # fmt: skip
    return planes, rows


def _offsets(cells: TemplateCells) -> Tensor:
    """Return the (3, N, V) offsets in mm; `cut_cells` stores them in this order, so that nothing is copied."""
    return cells.offsets_mm.permute(2, 0, 1).contiguous()


def _surface(cells: TemplateCells) -> Tensor:
    """Return the (N, V) step at the mask's surface, or without one the intensities, which the kernels then ignore."""
    return cells.values if cells.surface is None else cells.surface


def _shares(sums: NDArray[np.floating], data: ResidualData) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Divide (2, B) sums: unexplained squares by the template's squares, weight inside by all weight."""
    return sums[0] / data.total, sums[1] / data.weight


def probe(device: torch.device) -> None:
    """Build and run a kernel of one instruction, which needs a compiler and a folder for the build."""
    _one[(1,)](torch.zeros(1, device=device))


@triton.jit
def _one(where) -> None:
    tl.store(where, 1.0)


@cache
def _whole_matrix(n: int, device: torch.device) -> Tensor:
    return torch.tensor(_places(n), device=device)


@cache
def _places(n: int) -> list[int]:
    """Return, for each entry of a symmetric (n, n) matrix row by row, its index in the list of the upper triangle."""
    upper = {pair: number for number, pair in enumerate(combinations_with_replacement(range(n), 2))}
    return [upper[min(a, b), max(a, b)] for a, b in product(range(n), repeat=2)]


def _triangle(n: int) -> int:
    """Return the number of entries in the upper triangle of an (n, n) matrix, the diagonal included."""
    return n * (n + 1) // 2


@triton.jit
def _axis(position, size, TOLERANCE: tl.constexpr):
    """Return how a fractional voxel ``position`` lies between two voxels of an axis with ``size`` voxels.

    Four values: the index of the lower voxel; 1 to the upper one (0 if the axis has one voxel); the fraction of the way
    from the lower to the upper voxel, 0 to 1; whether the position is at most ``TOLERANCE`` voxels outside the axis.
    """
    nearest = tl.minimum(tl.maximum(position, 0.0), size - 1.0)
    inside = tl.abs(position - nearest) <= TOLERANCE
    first = tl.minimum(nearest.to(tl.int32), tl.maximum(size - 2, 0))
    return first, tl.minimum(size - 1, 1), nearest - first.to(tl.float32), inside


@triton.jit(do_not_specialize=["poses", "cells", "ni", "nj", "nk"])
def _fit(
    matrices, table, offsets, values, weights, surfaces, spread, planes, sums, poses, cells, ni, nj, nk, ridge,
    V: tl.constexpr, WIDTH: tl.constexpr, CELLS: tl.constexpr, SURFACE: tl.constexpr, SURFACE_RIDGE: tl.constexpr,
    TOLERANCE: tl.constexpr, TINY: tl.constexpr, ROW: tl.constexpr, CURVED: tl.constexpr, FREE_BLUR: tl.constexpr,
    DEBLUR: tl.constexpr,
) -> None:  # fmt: skip
    """Write the planes and the last two sums that `fit_cells` returns: one pose and `CELLS` cells a program.

    Parameters
    ----------
    matrices
        In, (B, 3, 4) float32: ``voxel_from_offset`` of `fit_cells`.
    table
        In, (ni nj nk, ROW) float32: of each voxel of the sampled image the intensity in HU, its three differences per
        voxel and, if `CURVED`, half of its three second differences per voxel^2 (`SampledFeatures`).
    offsets
        In, (3, N, V) float32: offsets of the template's voxels, mm.
    values, weights
        In, (N, V) float32 each: the template's intensities in HU, and the weights of its voxels.
    surfaces
        In, (N, V) float32: step at the mask's surface; not read without `SURFACE`.
    spread
        In, (N, V) float32: ``ResidualData.squares``, HU^2.
    planes
        Out, (8, B, N, V) or (11, B, N, V) float32.
    sums
        Out, (2, B, N) float32: the rows `UNEXPLAINED` and `INSIDE`.
    poses, cells
        B and N.
    ni, nj, nk
        Numbers of the sampled image's voxels.
    ridge, SURFACE_RIDGE
        `MapRidges` in HU^2 and without unit.
    V, WIDTH, CELLS
        Voxels of a cell, the next power of two, and cells of a program.
    SURFACE, CURVED, FREE_BLUR
        Whether the map has the surface's step, the table has curvatures, and the planes hold these.
    TOLERANCE, TINY, ROW, DEBLUR
        `EDGE_TOLERANCE_VOX`, `TINY`, numbers of a row of the table, and the share of interpolation's blur to undo.
    """
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
    first = ((i.to(tl.int64) * nj + j) * nk + k) * ROW
    value = tl.zeros([CELLS, WIDTH], dtype=tl.float32)
    gi = tl.zeros([CELLS, WIDTH], dtype=tl.float32)
    gj = tl.zeros([CELLS, WIDTH], dtype=tl.float32)
    gk = tl.zeros([CELLS, WIDTH], dtype=tl.float32)
    ci = tl.zeros([CELLS, WIDTH], dtype=tl.float32)
    cj = tl.zeros([CELLS, WIDTH], dtype=tl.float32)
    ck = tl.zeros([CELLS, WIDTH], dtype=tl.float32)
    for corner in tl.static_range(8):
        up_i, up_j, up_k = corner // 4, corner // 2 % 2, corner % 2
        row = first + ROW * (up_i * di * nj * nk + up_j * dj * nk + up_k * dk)
        share = (fi if up_i else 1 - fi) * (fj if up_j else 1 - fj) * (fk if up_k else 1 - fk)
        value += share * tl.load(table + row, mask=used, other=0.0)
        gi += share * tl.load(table + row + 1, mask=used, other=0.0)
        gj += share * tl.load(table + row + 2, mask=used, other=0.0)
        gk += share * tl.load(table + row + 3, mask=used, other=0.0)
        if CURVED:
            ci += share * tl.load(table + row + 4, mask=used, other=0.0)
            cj += share * tl.load(table + row + 5, mask=used, other=0.0)
            ck += share * tl.load(table + row + 6, mask=used, other=0.0)
    value -= DEBLUR * (fi * (1 - fi) * ci + fj * (1 - fj) * cj + fk * (1 - fk) * ck)
    wanted = tl.load(weights + at, mask=used, other=0.0)
    inside = tl.where(in_i & in_j & in_k, wanted, 0.0)
    template = tl.load(values + at, mask=used, other=0.0)
    total = tl.sum(inside, axis=1)
    some = tl.maximum(total, TINY)
    xc = value - (tl.sum(inside * value, axis=1) / some)[:, None]
    yc = template - (tl.sum(inside * template, axis=1) / some)[:, None]
    xx = tl.sum(inside * xc * xc, axis=1) + ridge * total + TINY
    xy = tl.sum(inside * xc * yc, axis=1)
    if SURFACE:
        step = tl.load(surfaces + at, mask=used, other=0.0)
        step -= (tl.sum(inside * step, axis=1) / some)[:, None]
        ss = tl.sum(inside * step * step, axis=1) + SURFACE_RIDGE * total + TINY
        sx = tl.sum(inside * step * xc, axis=1)
        sy = tl.sum(inside * step * yc, axis=1)
        slope = (xy - sx * sy / ss) / (xx - sx * sx / ss)
        residual = yc - slope[:, None] * xc - ((sy - slope * sx) / ss)[:, None] * step
    else:
        residual = yc - (xy / xx)[:, None] * xc
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
    if FREE_BLUR:
        tl.store(out + 7 * whole, ci, mask=used)
        tl.store(out + 8 * whole, cj, mask=used)
        tl.store(out + 9 * whole, ck, mask=used)
    tl.store(out + (10 if FREE_BLUR else 7) * whole, tl.where(inside > 0, tl.abs(residual), float("nan")), mask=used)
    tl.store(sums + pose * cells + cell, unexplained, mask=cell < cells)
    tl.store(sums + (poses + pose) * cells + cell, total, mask=cell < cells)


@triton.jit(do_not_specialize=["poses", "cells"])
def _sum(
    planes, offsets, surfaces, medians, terms, poses, cells, radius, ridge,
    V: tl.constexpr, WIDTH: tl.constexpr, CELLS: tl.constexpr, SURFACE: tl.constexpr, SURFACE_RIDGE: tl.constexpr,
    ROBUST: tl.constexpr, FLOOR: tl.constexpr, VOXEL_TUNING: tl.constexpr, CELL_TUNING: tl.constexpr,
    TINY: tl.constexpr, FREE_BLUR: tl.constexpr, N: tl.constexpr,
) -> None:  # fmt: skip
    """Write all sums of `sum_voxels` but the last two: one pose and `CELLS` cells a program.

    The formulas are those of `eliminate_map`, with the weights times those of `robust_weights` and `cell_weights`.

    Parameters
    ----------
    planes
        In, (8, B, cells, V) or (11, B, cells, V) float32: of `fit_cells`.
    offsets
        In, (3, cells, V) float32: offsets of the template's voxels, mm.
    surfaces
        In, (cells, V) float32: step at the mask's surface; not read without `SURFACE`.
    medians
        In, (B,) float32: median of the absolute residuals of each pose, HU; not read without `ROBUST`.
    terms
        Out, (R, B, cells) float32: Hessian's upper triangle row by row, gradient, `WEIGHT` and `SQUARES`.
    poses, cells
        Number B of poses, and number of cells.
    radius
        `ARC_RADIUS_MM`.
    ridge, SURFACE_RIDGE
        `MapRidges` in HU^2 and without unit.
    V, WIDTH, CELLS
        Voxels of a cell, the next power of two, and cells of a program.
    SURFACE, ROBUST, FREE_BLUR
        Whether the map has the surface's step, residuals are down-weighted, and three blurs are parameters.
    FLOOR, VOXEL_TUNING, CELL_TUNING, TINY
        `LEAST_MEDIAN_HU`, and the constants of these names.
    N
        Number n of parameters.
    """
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
        median = tl.load(medians + pose)
        median = tl.where(median == median, median, 1.0)  # no voxel inside: any scale will do
        scale = 1.4826 * tl.maximum(median, FLOOR)
        whole_cell = 1.0
        if SURFACE:
            mean = tl.sum(weight * residual * residual, axis=1) / tl.maximum(tl.sum(weight, axis=1), FLOOR)
            worse = 1 + mean / (CELL_TUNING * scale * scale)
            whole_cell = (1 / (worse * worse))[:, None]
        ratio = residual / (VOXEL_TUNING * scale)
        weight = whole_cell * weight / (1 + ratio * ratio)
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
    xy = tl.sum(weight * xc * yc, axis=1)
    step = xc * 0.0  # without a surface, its moments are 0
    if SURFACE:
        step = tl.load(surfaces + at, mask=used, other=0.0)
        step -= (tl.sum(weight * step, axis=1) / total)[:, None]
    ss = tl.sum(weight * step * step, axis=1) + SURFACE_RIDGE * total + TINY
    sx = tl.sum(weight * step * xc, axis=1)
    sy = tl.sum(weight * step * yc, axis=1)
    xx -= sx * sx / ss
    slope = (xy - sx * sy / ss) / xx
    ci, cj, ck = gx, gy, gz  # read only if the blurs are free
    if FREE_BLUR:
        ci = tl.load(here + 7 * whole, mask=used, other=0.0)
        cj = tl.load(here + 8 * whole, mask=used, other=0.0)
        ck = tl.load(here + 9 * whole, mask=used, other=0.0)
    J = (y * gz - z * gy, z * gx - x * gz, x * gy - y * gx, gx, gy, gz, ci, cj, ck)
    out = terms + pose * cells + cell
    apart = poses * cells
    kept = cell < cells
    for a in tl.static_range(N):
        wa = weight * (J[a] - (tl.sum(weight * J[a], axis=1) / total)[:, None])
        sa = tl.sum(wa * step, axis=1)
        ax = tl.sum(wa * xc, axis=1) - sa * sx / ss
        ay = tl.sum(wa * yc, axis=1) - sa * sy / ss
        tl.store(out + (N * (N + 1) // 2 + a) * apart, -slope * (ay - ax * slope), mask=kept)
        for b in tl.static_range(a, N):
            wb = weight * (J[b] - (tl.sum(weight * J[b], axis=1) / total)[:, None])
            sb = tl.sum(wb * step, axis=1)
            bx = tl.sum(wb * xc, axis=1) - sb * sx / ss
            moment = tl.sum(wa * J[b], axis=1) - sa * sb / ss - ax * bx / xx
            tl.store(out + (a * (2 * N - 1 - a) // 2 + b) * apart, slope * slope * moment, mask=kept)
    out += N * (N + 3) // 2 * apart
    tl.store(out, tl.sum(weight, axis=1), mask=kept)
    tl.store(out + apart, tl.sum(weight * residual * residual, axis=1), mask=kept)
