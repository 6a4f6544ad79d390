"""The default residual: in every small cell, fixed = a * warped + b + noise, with its own a and b.

Contrast medium changes the intensity of each tissue by its own amount between the phases, and turns
hepatic veins from dark to bright. Inside a cell a few mm wide, an affine map of intensities covers
this, the sign included. What it leaves unexplained is the residual; the maximum-likelihood pose
under Gaussian noise minimises its sum of squares. This is local correlation, weighted by the
contrast that there is to explain; unlike the local correlation coefficient it does not give a cell
of pure noise the weight of a vessel.

References
----------
Golub, G. H. and Pereyra, V. The differentiation of pseudo-inverses and nonlinear least squares
problems whose variables separate. SIAM J. Numer. Anal. 10, 1973. doi:10.1137/0710036
Cachier, P. and Pennec, X. 3D non-rigid registration by gradient descent on a Gaussian-windowed
similarity measure using convolutions. MMBIA 2000. doi:10.1109/MMBIA.2000.852376
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hepareg.optimisation.normal_equations import NormalEquations, jacobian
from hepareg.optimisation.robust_weights import robust_weights
from hepareg.optimisation.samples import CellSamples, MovingFeatures

__all__ = ["LocalAffine"]

TINY = 1e-6


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
        weight), such as bowel and ribs that do not move with the liver.
    """

    def __init__(
        self, samples: CellSamples, moving: MovingFeatures, *, ridge_hu2: float = 100.0, robust: bool = True
    ) -> None:
        self.samples = samples
        self.moving = moving
        self.ridge_hu2 = ridge_hu2
        self.robust = robust

    def __call__(self, matrices: NDArray[np.floating]) -> NormalEquations:
        """Return the normal equations about each of (B, 4, 4) poses."""
        cells = self.cell_equations(matrices)
        hessian = cells.hessian.sum(dim=1).double().cpu().numpy()
        gradient = cells.gradient.sum(dim=1).double().cpu().numpy()
        return NormalEquations(hessian, gradient, cells.objective, cells.overlap)

    def cell_equations(self, matrices: NDArray[np.floating]) -> "CellEquations":
        """Return each cell's contribution, as the verdict needs it for its error estimate."""
        samples = self.samples
        found = self.moving.sample(matrices, samples)
        x, y = found.values[0], samples.values.expand(found.values.shape[1:])
        inside = samples.weights * found.valid
        residual, _ = _fit(x, y, inside, self.ridge_hu2)
        weights = robust_weights(residual, inside) if self.robust else inside
        J = jacobian(found.gradients[0], samples.offsets_mm)
        H, g = _eliminated(J, x, y, weights, self.ridge_hu2)
        objective, overlap = self._objective(residual, inside)
        return CellEquations(H, g, objective, overlap, _variance(residual, weights))

    def on(self, samples: CellSamples) -> "LocalAffine":
        """Return the same residual on other samples."""
        return LocalAffine(samples, self.moving, ridge_hu2=self.ridge_hu2, robust=self.robust)

    def unexplained_hu2(self, moving: Tensor, weights: Tensor) -> float:
        """Return the weighted sum of squares that (N, V) moving values leave of the fixed cells."""
        residual, _ = _fit(moving, self.samples.values, weights, self.ridge_hu2)
        return float((weights * residual**2).sum(dtype=torch.float64))

    def _objective(self, residual: Tensor, inside: Tensor) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return the unexplained share of the fixed variance, voxels outside the moving image wholly unexplained."""
        all_weights = self.samples.weights
        spread = _centred(self.samples.values, all_weights) ** 2
        unexplained = inside * residual**2 + (all_weights - inside) * spread
        total = (all_weights * spread).sum(dtype=torch.float64).clamp(min=TINY)
        share = unexplained.sum(dim=(1, 2), dtype=torch.float64) / total
        overlap = inside.sum(dim=(1, 2), dtype=torch.float64) / all_weights.sum(dtype=torch.float64).clamp(min=TINY)
        return share.cpu().numpy(), overlap.cpu().numpy()


@dataclass(frozen=True, eq=False)
class CellEquations:
    """Normal equations cell by cell.

    Parameters
    ----------
    hessian, gradient
        (B, N, 6, 6) and (B, N, 6).
    objective, overlap
        (B,), as in `NormalEquations`.
    residual_variance
        Robustly weighted variance of the residual, HU^2, over all poses.
    """

    hessian: Tensor
    gradient: Tensor
    objective: NDArray[np.floating]
    overlap: NDArray[np.floating]
    residual_variance: float


def _variance(residual: Tensor, weights: Tensor) -> float:
    total = weights.sum(dtype=torch.float64).clamp(min=TINY)
    return float((weights * residual**2).sum(dtype=torch.float64) / total) + TINY


def _centred(values: Tensor, weights: Tensor) -> Tensor:
    mean = (weights * values).sum(dim=-1, keepdim=True) / weights.sum(dim=-1, keepdim=True).clamp(min=TINY)
    return values - mean


def _fit(x: Tensor, y: Tensor, weights: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """Return residual and slope of the weighted ridge regression y = a x + b in every cell."""
    xc, yc = _centred(x, weights), _centred(y, weights)
    total = weights.sum(dim=-1, keepdim=True)
    slope = (weights * xc * yc).sum(dim=-1, keepdim=True) / (
        (weights * xc * xc).sum(dim=-1, keepdim=True) + ridge * total + TINY
    )
    return yc - slope * xc, slope[..., 0]


def _eliminated(J: Tensor, x: Tensor, y: Tensor, weights: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """Return each cell's J'WJ and J'Wr with its own a and b eliminated (variable projection, Kaufman's form).

    One batched product gives all weighted moments of [J, x, y] about their cell means; the slope's
    column is then projected out. The residual's derivative is -a J, projected.
    """
    columns = torch.cat([J, x[..., None], y[..., None]], dim=-1)
    total = weights.sum(dim=-1).clamp(min=TINY)
    mean = (weights[..., None, :] @ columns) / total[..., None, None]
    columns = columns - mean
    moments = (columns * weights[..., None]).transpose(-1, -2) @ columns
    xx = moments[..., 6, 6] + ridge * total + TINY
    slope = moments[..., 6, 7] / xx
    Jx, Jy = moments[..., :6, 6], moments[..., :6, 7]
    H = moments[..., :6, :6] - Jx[..., :, None] * Jx[..., None, :] / xx[..., None, None]
    g = Jy - Jx * slope[..., None]
    return slope[..., None, None] ** 2 * H, -slope[..., None] * g
