"""The default residual: in every small cell, fixed = a * warped + b + noise, with its own a and b.

Contrast medium changes the intensity of each tissue by its own amount between the phases, and turns
hepatic veins from dark to bright. Inside a cell a few mm wide, an affine map of intensities covers
this, the sign included. What it leaves unexplained is the residual; the maximum-likelihood pose
under Gaussian noise minimises its sum of squares. This is local correlation, weighted by the
contrast that there is to explain; unlike the local correlation coefficient it does not give a cell
of pure noise the weight of a vessel.

One thing it does not cover: the liver takes up contrast and its neighbours do not. Where a millimetre or
two of diaphragm or fat lie between liver and lung, a cell holds three tissues, and the fixed image has
a step at the liver's surface that the moving image has not, or not of that size. Next to it the moving image shows
the foot of the lung's edge, and by moving that foot the step can be imitated: the pose is pulled by tenths of
a millimetre, along the body most of all, since the dome is the sharpest edge there is. The mask tells where the step
is. So on fine levels the model is fixed = a * warped + b + c * surface, with c as free as a and b.

Nor does it cover that one image is sharper than the other. `matched_blur` knows the voxels' sizes; what slice profile,
reconstruction kernel and interpolation make of them it does not. An edge that is wider in one image pulls the
pose wherever the region ends within it. So, on request, the blur along each voxel axis of the moving image is three
more parameters beside the pose's six, for the whole liver: fixed = a * (warped + v . curvature) + b + c * surface,
v a variance in voxel^2 (negative: sharper).

References
----------
Golub, G. H. and Pereyra, V. The differentiation of pseudo-inverses and nonlinear least squares
problems whose variables separate. SIAM J. Numer. Anal. 10, 1973. doi:10.1137/0710036
Cachier, P. and Pennec, X. 3D non-rigid registration by gradient descent on a Gaussian-windowed
similarity measure using convolutions. MMBIA 2000. doi:10.1109/MMBIA.2000.852376
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hepareg.refinement.cuda.available import cuda_kernels
from hepareg.refinement.images.sampled_features import CURVED, MovingFeatures
from hepareg.refinement.images.template_cells import CellSamples
from hepareg.refinement.solvers.gauss_newton import GaussNewtonSettings, gauss_newton
from hepareg.refinement.solvers.normal_equations import NormalEquations, jacobian
from hepareg.refinement.solvers.robust_weights import cell_weights, robust_scale, robust_weights
from hepareg.refinement.solvers.solution import Solution
from hepareg.transforms import RigidTransform

__all__ = ["LocalAffine"]

TINY = 1e-6
SURFACE_RIDGE = 0.01
"""Added to the variance of the surface's step, from 0 to 1, in a cell: `ridge_hu2` over the square of 100 HU, as
much as a liver takes up. A cell that the step hardly touches keeps its own structure."""


class LocalAffine:
    """Residual of a local affine intensity model between the sampled fixed cells and the moving image.

    Parameters
    ----------
    samples
        Fixed cells.
    moving
        One channel: the intensities.
    ridge_hu2
        Added to a cell's intensity variance: cells with less contrast than this count for little.
    robust
        Down-weight voxels whose residual is large against the median (Geman-McClure's kind of
        weight), such as bowel and ribs that do not move with the liver; on levels with the surface also whole cells.
    sharpness
        Whether the blur between the images is free; ``moving`` then is of `image_features`.
    """

    def __init__(
        self,
        samples: CellSamples,
        moving: MovingFeatures,
        *,
        ridge_hu2: float = 100.0,
        robust: bool = True,
        sharpness: bool = False,
    ) -> None:
        if sharpness and moving.rows != CURVED:
            raise ValueError("expected features with curvatures where the blur is free, got none; use image_features")
        self.samples = samples
        self.moving = moving
        self.ridge_hu2 = ridge_hu2
        self.robust = robust
        self.sharpness = sharpness
        self._spread = _spread(samples.values, samples.surface, samples.weights)
        self._total = _total(samples.weights * self._spread).clamp(min=TINY)
        self._weight = _total(samples.weights).clamp(min=TINY)
        self._sums: list[float] | None = None
        self._kernels = cuda_kernels(samples.values.device)
        self._last: tuple[bytes, CellEquations] | None = None

    def __call__(self, matrices: NDArray[np.floating]) -> NormalEquations:
        """Return the normal equations about each of (B, 4, 4) poses."""
        return self.cell_equations(matrices).whole()

    def cell_equations(self, matrices: NDArray[np.floating]) -> "CellEquations":
        """Return each cell's contribution, as the verdict needs it for its error estimate.

        The last answer is kept: several pieces of evidence ask for the same pose.
        """
        key = np.asarray(matrices, dtype=np.float64).tobytes()
        if self._last is None or self._last[0] != key:
            self._last = (key, self._cell_equations(matrices))
        return self._last[1]

    def unexplained(self, matrices: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return (B,) objectives and overlaps at (B, 4, 4) poses, as in `NormalEquations`, without derivatives."""
        kernels = self._kernels
        if kernels is not None:
            return kernels.unexplained(matrices, self._problem(kernels))
        values, valid = self.moving.values(matrices, self.samples)
        inside = self.samples.weights * valid
        found = self._objective(self._fit(values[0], inside).residual, inside)
        objective, overlap = torch.stack(found).cpu().numpy()
        return objective, overlap

    def unexplained_in_view(self, matrices: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return (B,) objectives at (B, 4, 4) poses, over the samples that all of them take into the moving image.

        NaN where there is no such sample.
        """
        samples = self.samples
        values, valid = self.moving.values(matrices, samples)
        inside = samples.weights * valid.all(dim=0)
        residual = self._fit(values[0], inside.expand_as(valid)).residual
        wanted = _total(inside * _spread(samples.values, samples.surface, inside))
        return (_total(inside * residual.square()) / wanted).cpu().numpy()

    def minimise(self, starts: Sequence[RigidTransform], *, settings: GaussNewtonSettings) -> list[Solution]:
        """Return a Gauss-Newton solution for each start."""
        kernels = self._kernels
        if kernels is None:
            return gauss_newton(self, starts, centre_mm=self.samples.centre_mm, settings=settings)
        from hepareg.refinement.cuda.gauss_newton_kernels import gauss_newton_on_device

        return gauss_newton_on_device(self._problem(kernels), starts, settings)

    def on(self, samples: CellSamples) -> "LocalAffine":
        """Return the same residual on other samples."""
        return LocalAffine(samples, self.moving, ridge_hu2=self.ridge_hu2, robust=self.robust, sharpness=self.sharpness)

    def unexplained_hu2(self, moving: Tensor, weights: Tensor) -> float:
        """Return the weighted sum of squares that (N, V) moving values leave of the fixed cells."""
        residual = self._fit(moving, weights).residual
        return float((weights * residual**2).sum(dtype=torch.float64))

    def _cell_equations(self, matrices: NDArray[np.floating]) -> "CellEquations":
        kernels = self._kernels
        if kernels is not None:
            return kernels.cell_equations(matrices, self._problem(kernels))
        samples = self.samples
        found = self.moving.sample(matrices, samples)
        inside = samples.weights * found.valid
        fit = self._fit(found.values[0], inside)
        weights = self._robust(fit, inside) if self.robust else inside
        J = [jacobian(found.gradients[:, 0], samples.offsets_mm.permute(2, 0, 1)[:, None])]
        if self.sharpness:
            J.append(found.curvatures[:, 0])
        columns = torch.cat([*J, *(part[None] for part in fit.columns)])
        H, g = _eliminated(columns, weights, self.ridge_hu2, surface=fit.surface is not None)
        objective, overlap = self._objective(fit.residual, inside)
        squares = (weights * fit.residual**2).sum(dtype=torch.float64)
        return CellEquations(H, g, objective, overlap, _variance(weights.sum(dtype=torch.float64), squares))

    def _problem(self, kernels: ModuleType) -> Any:
        if self._sums is None:
            self._sums = torch.stack([self._total, self._weight]).tolist()
        flags = self.robust, self.sharpness
        return kernels.Problem(self.samples, self.moving, self._spread, *self._sums, self.ridge_hu2, *flags)

    def _robust(self, fit: "_Fit", inside: Tensor) -> Tensor:
        """Return the weights of voxels, and where the surface is looked at, of whole cells."""
        scale = robust_scale(fit.residual, inside)
        weights = robust_weights(fit.residual, inside, scale=scale)
        return weights if fit.surface is None else weights * cell_weights(fit.residual, inside, scale=scale)

    def _fit(self, moving: Tensor, weights: Tensor) -> "_Fit":
        return _fit(moving, self.samples.values, weights, self.ridge_hu2, self.samples.surface)

    def _objective(self, residual: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
        """Return the unexplained share of the fixed variance, voxels outside the moving image wholly unexplained.

        What the surface's step explains is no merit of the pose: it is left out of both.
        """
        wanted = self.samples.weights
        unexplained = _total(inside * residual.square() + (wanted - inside) * self._spread)
        return unexplained / self._total, _total(inside) / self._weight


@dataclass(frozen=True, eq=False)
class CellEquations:
    """Normal equations cell by cell.

    Parameters
    ----------
    hessian, gradient
        (B, N, n, n) and (B, N, n): of the pose's six parameters, and of the three blurs where these are free.
    objective, overlap
        (B,) float64, as in `NormalEquations`.
    residual_variance
        () robustly weighted variance of the residual, HU^2, over all poses.
    """

    hessian: Tensor
    gradient: Tensor
    objective: Tensor
    overlap: Tensor
    residual_variance: Tensor

    def whole(self) -> NormalEquations:
        """Return the sums over all cells, of the pose alone."""
        hessian = self.hessian.sum(dim=1, dtype=torch.float64).cpu().numpy()
        gradient = self.gradient.sum(dim=1, dtype=torch.float64).cpu().numpy()
        return NormalEquations.of_pose(hessian, gradient, self.objective.cpu().numpy(), self.overlap.cpu().numpy())


def _variance(weight: Tensor, squares: Tensor) -> Tensor:
    return squares / weight.clamp(min=TINY) + TINY


def _centred(values: Tensor, weights: Tensor, total: Tensor) -> Tensor:
    return values - _sum(weights * values) / total.clamp(min=TINY)


def _total(values: Tensor) -> Tensor:
    """Return the sum over cells and voxels, (...,) float64."""
    return values.sum(dim=-1).sum(dim=-1, dtype=torch.float64)


def _sum(values: Tensor) -> Tensor:
    return values.sum(dim=-1, keepdim=True)


def _spread(values: Tensor, surface: Tensor | None, weights: Tensor) -> Tensor:
    """Return (N, V) squares of what mean and surface leave of the values."""
    total = _sum(weights)
    centred = _centred(values, weights, total)
    if surface is None:
        return centred.square()
    step = _centred(surface, weights, total)
    size = _sum(weights * step * centred) / (_sum(weights * step * step) + SURFACE_RIDGE * total + TINY)
    return (centred - size * step).square()


class _Fit(NamedTuple):
    """Both intensities and the surface less their weighted means in every cell, and what is left of y; (B, N, V)."""

    x: Tensor
    y: Tensor
    surface: Tensor | None
    residual: Tensor

    @property
    def columns(self) -> tuple[Tensor, ...]:
        """The regressors and y."""
        return (self.x, self.y) if self.surface is None else (self.x, self.y, self.surface)


def _fit(x: Tensor, y: Tensor, weights: Tensor, ridge: float, surface: Tensor | None) -> _Fit:
    """Return the weighted ridge regression y = a x + b, or y = a x + b + c surface, in every cell."""
    total = _sum(weights)
    xc, yc = _centred(x, weights, total), _centred(y, weights, total)
    wx = weights * xc
    xx, xy = _sum(wx * xc) + ridge * total + TINY, _sum(wx * yc)
    if surface is None:
        return _Fit(xc, yc, None, torch.addcmul(yc, xy / xx, xc, value=-1))
    step = _centred(surface, weights, total)
    ws = weights * step
    ss, sx, sy = _sum(ws * step) + SURFACE_RIDGE * total + TINY, _sum(ws * xc), _sum(ws * yc)
    slope = (xy - sx * sy / ss) / (xx - sx * sx / ss)
    size = (sy - slope * sx) / ss
    return _Fit(xc, yc, step, torch.addcmul(yc, slope, xc, value=-1).addcmul_(size, step, value=-1))


def _eliminated(columns: Tensor, weights: Tensor, ridge: float, *, surface: bool) -> tuple[Tensor, Tensor]:
    """Return each cell's J'WJ and J'Wr with its own a, b and c eliminated (variable projection, Kaufman's form).

    ``columns`` (n + 2 or 3, B, N, V) are [J, x, y] or [J, x, y, surface], all but J about centred: one batched product
    gives all their weighted moments. Mean, surface and x are projected out, one after the other: each takes the square
    of a vector from the moments. The residual's derivative is -a J, projected.
    """
    poses, cells = columns.shape[1:3]
    n = len(columns) - 2 - surface
    by_cell = columns.permute(1, 2, 0, 3).flatten(0, 1)
    weighted = (columns * weights).permute(1, 2, 0, 3).flatten(0, 1)
    moments = torch.bmm(weighted, by_cell.transpose(1, 2))
    total = weights.sum(dim=-1).clamp(min=TINY).flatten()
    taken = [weighted.sum(dim=-1) / total.sqrt()[:, None]]
    if surface:
        across = _left(moments, n + 2, taken)
        taken.append(across / (across[:, n + 2] + SURFACE_RIDGE * total + TINY).sqrt()[:, None])
    across = _left(moments, n, taken)
    xx = across[:, n] + ridge * total + TINY
    taken.append(across / xx.sqrt()[:, None])
    slope = (across[:, n + 1] / xx)[:, None]
    vectors = torch.stack(taken, dim=2)
    left = torch.baddbmm(moments[:, :n, : n + 2], vectors[:, :n], vectors[:, : n + 2].transpose(1, 2), alpha=-1)
    H, g = slope[..., None].square() * left[..., :n], -slope * left[..., n + 1]
    return H.unflatten(0, (poses, cells)), g.unflatten(0, (poses, cells))


def _left(moments: Tensor, column: int, taken: list[Tensor]) -> Tensor:
    """Return a column of the moments less the squares of the vectors that were taken from them."""
    across = moments[:, :, column]
    for vector in taken:
        across = across - vector * vector[:, column, None]
    return across
