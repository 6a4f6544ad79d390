"""The residual: in every small cell, template = a * sampled + b + noise, each cell with its own a and b.

Contrast medium changes the intensity of each tissue by its own amount between the phases, and turns
hepatic veins from dark to bright. Inside a cell a few mm wide, an affine map of intensities covers
this, the sign included. The residual is the template less the fitted map; the maximum-likelihood pose
under Gaussian noise minimises its sum of squares. This is local correlation, weighted by the
contrast that there is to explain; unlike the local correlation coefficient it does not give a cell
of pure noise the weight of a vessel.

The liver's surface needs a term of its own, since the liver takes up contrast and its neighbours do not. Where a
millimetre or two of diaphragm or fat lie between liver and lung, a cell holds three tissues, and the template has a
step at the liver's surface that the sampled image lacks, or has with another height. Next to that step the sampled
image shows the foot of the lung's edge, and moving that foot can imitate the step: it biases the pose by tenths of a
millimetre, along the body most of all, since the dome is the sharpest edge there is. The mask tells where the step is.
So on fine levels the model is template = a * sampled + b + c * surface, with c as free as a and b.

One image may also be sharper than the other. `match_blur` knows the voxels' sizes, but not the slice profile, the
reconstruction kernel and the remaining blur of interpolation. An edge that is wider in one image biases the pose
wherever the region ends within that edge. So, on request, the blur along each voxel axis of the sampled image adds
three parameters to the pose's six, for the whole liver: template = a * (sampled + v . curvature) + b + c * surface,
with a variance v in voxel^2 (negative: sharper).

References
----------
Golub, G. H. and Pereyra, V. The differentiation of pseudo-inverses and nonlinear least squares
problems whose variables separate. SIAM J. Numer. Anal. 10, 1973. doi:10.1137/0710036
Cachier, P. and Pennec, X. 3D non-rigid registration by gradient descent on a Gaussian-windowed
similarity measure using convolutions. MMBIA 2000. doi:10.1109/MMBIA.2000.852376
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hepareg.refinement.images.sampled_features import SampledFeatures
from hepareg.refinement.images.template_cells import TemplateCells
from hepareg.refinement.intensity_map import (
    TINY,
    IntensityFit,
    MapRidges,
    centred_squares,
    eliminate_map,
    fit_map,
    sum_all,
)
from hepareg.refinement.solvers.gauss_newton import GaussNewtonSettings, gauss_newton
from hepareg.refinement.solvers.normal_equations import NormalEquations, jacobian
from hepareg.refinement.solvers.robust_weights import cell_weights, robust_scale, robust_weights
from hepareg.refinement.solvers.solution import Solution
from hepareg.transforms import RigidTransform

__all__ = ["CellEquations", "Kernels", "LocalAffine", "LocalAffineSettings", "ResidualData"]


@dataclass(frozen=True)
class LocalAffineSettings:
    """How much contrast a cell needs, and whether misfits are down-weighted.

    Parameters
    ----------
    ridge_hu2
        Added to a cell's intensity variance: cells with less contrast than its root, 10 HU, count for little.
    surface_ridge
        Added to the variance of the surface's step, which runs from 0 to 1: `ridge_hu2` over the square of 100 HU, as
        much as a liver takes up. A cell that the step hardly touches keeps its own structure.
    robust
        Down-weight voxels whose residual is large against the median (Geman-McClure's kind of
        weight), such as bowel and ribs that do not move with the liver; on levels with the surface also whole cells.
    """

    ridge_hu2: float = 100.0
    surface_ridge: float = 0.01
    robust: bool = True


class LocalAffine:
    """Residual of a local affine intensity map between template cells and a sampled image.

    Poses are (B, 4, 4) matrices sampled_from_template.

    Parameters
    ----------
    cells
        Cells of the template.
    sampled
        Intensities of the sampled image with their differences.
    settings
        Ridges and robust weights.
    free_blur
        Whether the blur between the images is free; needs features with curvatures.
    kernels
        Fused kernels of the cells' device (`cuda.available.cuda_kernels`), or None for tensor operations.
    """

    def __init__(
        self,
        cells: TemplateCells,
        sampled: SampledFeatures,
        *,
        settings: LocalAffineSettings,
        free_blur: bool = False,
        kernels: "Kernels | None" = None,
    ) -> None:
        if free_blur and sampled.deblur is None:
            raise ValueError("expected features with curvatures where the blur is free, got none; set deblur")
        self.cells = cells
        self.sampled = sampled
        self.settings = settings
        self.free_blur = free_blur
        self.kernels = kernels
        self._ridges = MapRidges(settings.ridge_hu2, settings.surface_ridge)
        self._squares = centred_squares(cells.values, cells.weights, self._ridges, cells.surface)
        self._total = sum_all(cells.weights * self._squares).clamp(min=TINY)
        self._weight = sum_all(cells.weights).clamp(min=TINY)
        self._data: ResidualData | None = None
        self._last: tuple[bytes, CellEquations] | None = None

    def __call__(self, matrices: NDArray[np.floating]) -> NormalEquations:
        """Return the normal equations about each of (B, 4, 4) poses."""
        return self.cell_equations(matrices).sum_cells()

    def cell_equations(self, matrices: NDArray[np.floating]) -> "CellEquations":
        """Return each cell's normal equations about (B, 4, 4) poses, as the error estimate needs them.

        The last answer is kept, because several pieces of evidence ask for the same pose.
        """
        key = np.asarray(matrices, dtype=np.float64).tobytes()
        if self._last is None or self._last[0] != key:
            self._last = (key, self._cell_equations(matrices))
        return self._last[1]

    def unexplained(self, matrices: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return (B,) objectives and overlaps at (B, 4, 4) poses, as in `NormalEquations`, without derivatives."""
        if self.kernels is not None:
            return self.kernels.unexplained(matrices, self._residual_data())
        values, valid = self.sampled.values(matrices, self.cells)
        inside = self.cells.weights * valid
        found = self._objective(self._fit(values, inside).residual, inside)
        objective, overlap = torch.stack(found).cpu().numpy()
        return objective, overlap

    def unexplained_in_view(self, matrices: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return (B,) objectives at (B, 4, 4) poses over the voxels that every pose takes into the sampled image.

        NaN where there is no such voxel.
        """
        cells = self.cells
        values, valid = self.sampled.values(matrices, cells)
        inside = cells.weights * valid.all(dim=0)
        residual = self._fit(values, inside.expand_as(valid)).residual
        wanted = sum_all(inside * centred_squares(cells.values, inside, self._ridges, cells.surface))
        return (sum_all(inside * residual.square()) / wanted).cpu().numpy()

    def minimise(self, starts: Sequence[RigidTransform], *, settings: GaussNewtonSettings) -> list[Solution]:
        """Return a Gauss-Newton solution for each start; starts and solutions sampled_from_template."""
        if self.kernels is not None:
            return self.kernels.minimise(self._residual_data(), starts, settings)
        return gauss_newton(self, starts, centre_mm=self.cells.centre_mm, settings=settings)

    def with_cells(self, cells: TemplateCells) -> "LocalAffine":
        """Return the same residual on other cells."""
        return LocalAffine(cells, self.sampled, settings=self.settings, free_blur=self.free_blur, kernels=self.kernels)

    def squares_hu2(self, sampled: Tensor, weights: Tensor) -> float:
        """Return the weighted sum of squares of the residual for given (N, V) sampled values, HU^2."""
        residual = self._fit(sampled, weights).residual
        return float((weights * residual**2).sum(dtype=torch.float64))

    def _cell_equations(self, matrices: NDArray[np.floating]) -> "CellEquations":
        if self.kernels is not None:
            return self.kernels.cell_equations(matrices, self._residual_data())
        cells = self.cells
        found = self.sampled.interpolate(matrices, cells)
        inside = cells.weights * found.valid
        fit = self._fit(found.values, inside)
        weights = self._robust(fit, inside) if self.settings.robust else inside
        J = [jacobian(found.gradients, cells.offsets_mm.permute(2, 0, 1)[:, None])]
        if self.free_blur:
            J.append(found.curvatures)
        columns = torch.cat([*J, *(part[None] for part in fit.columns)])
        H, g = eliminate_map(columns, weights, self._ridges, with_surface=fit.surface is not None)
        objective, overlap = self._objective(fit.residual, inside)
        squares = (weights * fit.residual**2).sum(dtype=torch.float64)
        variance = squares / weights.sum(dtype=torch.float64).clamp(min=TINY) + TINY
        return TensorEquations(H, g, objective, overlap, variance)

    def _residual_data(self) -> "ResidualData":
        if self._data is None:
            total, weight = torch.stack([self._total, self._weight]).tolist()
            self._data = ResidualData(
                self.cells, self.sampled, self._squares, total, weight, self.settings, self.free_blur
            )
        return self._data

    def _robust(self, fit: IntensityFit, inside: Tensor) -> Tensor:
        """Return robust weights of voxels; on levels with the surface's step also of whole cells."""
        scale = robust_scale(fit.residual, inside)
        weights = robust_weights(fit.residual, inside, scale=scale)
        return weights if fit.surface is None else weights * cell_weights(fit.residual, inside, scale=scale)

    def _fit(self, sampled: Tensor, weights: Tensor) -> IntensityFit:
        return fit_map(sampled, self.cells.values, weights, self._ridges, self.cells.surface)

    def _objective(self, residual: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
        """Return the unexplained share of the template's variance, and the share of weight inside the sampled image.

        Voxels outside the sampled image count as wholly unexplained. The variance that the surface's step explains is
        no merit of the pose: it is left out of both parts of the share.
        """
        wanted = self.cells.weights
        unexplained = sum_all(inside * residual.square() + (wanted - inside) * self._squares)
        return unexplained / self._total, sum_all(inside) / self._weight


class CellEquations(Protocol):
    """Normal equations cell by cell, of n parameters: the pose's six, and three blurs where these are free."""

    @property
    def hessian(self) -> Tensor:
        """(B, N, n, n)."""

    @property
    def gradient(self) -> Tensor:
        """(B, N, n)."""

    @property
    def residual_variance(self) -> Tensor:
        """() robustly weighted variance of the residual, HU^2, over all poses."""

    def sum_cells(self) -> NormalEquations:
        """Return the sums over all cells with the blurs eliminated."""


@dataclass(frozen=True, eq=False)
class TensorEquations:
    """`CellEquations` from tensor operations; objective and overlap are (B,) float64, as in `NormalEquations`."""

    hessian: Tensor
    gradient: Tensor
    objective: Tensor
    overlap: Tensor
    residual_variance: Tensor

    def sum_cells(self) -> NormalEquations:
        """Return the sums over all cells with the blurs eliminated."""
        hessian = self.hessian.sum(dim=1, dtype=torch.float64).cpu().numpy()
        gradient = self.gradient.sum(dim=1, dtype=torch.float64).cpu().numpy()
        return NormalEquations.for_pose(hessian, gradient, self.objective.cpu().numpy(), self.overlap.cpu().numpy())


class ResidualData(NamedTuple):
    """The part of a residual that is the same for every pose, as fused kernels take it.

    Attributes
    ----------
    cells, sampled
        The cells of the template and the features of the sampled image.
    squares
        (N, V) squares of the template's intensities less their cell's mean.
    total, weight
        Sums over all voxels: weighted squares, and weights.
    settings, free_blur
        As in `LocalAffine`.
    """

    cells: TemplateCells
    sampled: SampledFeatures
    squares: Tensor
    total: float
    weight: float
    settings: LocalAffineSettings
    free_blur: bool

    @property
    def num_parameters(self) -> int:
        """The pose's six, and three blurs where these are free."""
        return 9 if self.free_blur else 6


class Kernels(Protocol):
    """Fused replacements of the tensor operations of `LocalAffine` on one device."""

    def cell_equations(self, matrices: NDArray[np.floating], data: ResidualData) -> CellEquations:
        """Return each cell's normal equations about (B, 4, 4) poses."""

    def unexplained(
        self, matrices: NDArray[np.floating], data: ResidualData
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return (B,) objectives and overlaps at (B, 4, 4) poses."""

    def minimise(
        self, data: ResidualData, starts: Sequence[RigidTransform], settings: GaussNewtonSettings
    ) -> list[Solution]:
        """Return a Gauss-Newton solution for each start."""
