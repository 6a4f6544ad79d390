"""The residual: in every small cell, template = a * sampled + b + noise, each cell with its own a and b.

Model of a cell
---------------
Contrast medium changes the intensity of each tissue by its own amount between the phases, and turns
hepatic veins from dark to bright. Inside a cell a few mm wide, an affine map of intensities covers
this, the sign included. The residual is the template minus the fitted map; the maximum-likelihood pose
under Gaussian noise minimises its sum of squares over all cells. For one cell this sum is the variance of the template
times one minus the squared correlation coefficient: a local correlation in which a cell counts by its variance, so that
a vessel counts for more than a cell of pure noise.

Step at the liver's surface
---------------------------
On fine levels the model is template = a * sampled + b + c * surface. The surface is 0 inside the liver's mask and
rises to 1 outside it; c is fitted in each cell as a and b are, with a small ridge (`LocalAffineSettings`).

The term is needed because the liver takes up contrast and its neighbours do not. If a millimetre or two of diaphragm or
fat lie between liver and lung, a cell holds three tissues, and no affine map fits all three. The template then has a
step at the liver's surface that the sampled image lacks, or has with another height. Without the term, the solver
imitates the step: it shifts the sampled image's sharp edge between soft tissue and lung, whose outer slope lies beside
the step. This biases the pose by tenths of a millimetre, along the body most of all, since the dome has the sharpest
edge. The mask gives the place of the step.

Free blurs
----------
On request (``free_blur``), template = a * (sampled + v . curvature) + b + c * surface. The three variances v in
voxel^2, one along each voxel axis of the sampled image, are common to all cells and are found with the six parameters
of the pose; a negative one sharpens. `match_blur` knows the voxels' sizes, but not the slice profile, the
reconstruction kernel and the remaining blur of interpolation. An edge that is wider in one image biases the pose
wherever the region ends within that edge.

References
----------
Golub, G. H. and Pereyra, V. The differentiation of pseudo-inverses and nonlinear least squares
problems whose variables separate. SIAM J. Numer. Anal. 10, 1973. doi:10.1137/0710036
Cachier, P. and Pennec, X. 3D non-rigid registration by gradient descent on a Gaussian-windowed
similarity measure using convolutions. MMBIA 2000. doi:10.1109/MMBIA.2000.852376
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    """Contrast that a cell needs, and down-weighting of large residuals.

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
            raise ValueError("expected features with curvatures for a free blur, got none; set deblur")
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

        NaN if there is no such voxel.
        """
        cells = self.cells
        values, valid = self.sampled.values(matrices, cells)
        inside = cells.weights * valid.all(dim=0)
        residual = self._fit(values, inside.expand_as(valid)).residual
        wanted = sum_all(inside * centred_squares(cells.values, inside, self._ridges, cells.surface))
        return (sum_all(inside * residual.square()) / wanted).cpu().numpy()

    def unexplained_squares(self, matrices: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return (B, N) sums of squares in HU^2 that (B, 4, 4) poses leave unexplained in each of N cells, unweighted.

        No robust weight reduces them. A voxel outside the sampled image counts as in `unexplained`.
        """
        cells = self.cells
        values, valid = self.sampled.values(matrices, cells)
        inside = cells.weights * valid
        residual = self._fit(values, inside).residual
        squares = inside * residual.square() + (cells.weights - inside) * self._squares
        return squares.sum(dim=-1, dtype=torch.float64).cpu().numpy()

    def minimise(self, starts: Sequence[RigidTransform], *, settings: GaussNewtonSettings) -> list[Solution]:
        """Return a Gauss-Newton solution for each start; starts and solutions sampled_from_template."""
        if self.kernels is not None:
            return self.kernels.minimise(self._residual_data(), starts, settings)
        return gauss_newton(self, starts, centre_mm=self.cells.centre_mm, settings=settings)

    def with_cells(self, cells: TemplateCells) -> "LocalAffine":
        """Return the same residual on other cells."""
        return LocalAffine(cells, self.sampled, settings=self.settings, free_blur=self.free_blur, kernels=self.kernels)

    def without_robust_weights(self) -> "LocalAffine":
        """Return the same residual without down-weighting of large residuals."""
        settings = replace(self.settings, robust=False)
        return LocalAffine(self.cells, self.sampled, settings=settings, free_blur=self.free_blur, kernels=self.kernels)

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
        """Return the (B, N, V) weights ``inside``, reduced at voxels with a large residual (`robust_weights`).

        On levels that fit the surface's step they are multiplied by the weight of the whole cell (`cell_weights`).
        """
        scale = robust_scale(fit.residual, inside)
        weights = robust_weights(fit.residual, inside, scale=scale)
        return weights if fit.surface is None else weights * cell_weights(fit.residual, inside, scale=scale)

    def _fit(self, sampled: Tensor, weights: Tensor) -> IntensityFit:
        return fit_map(sampled, self.cells.values, weights, self._ridges, self.cells.surface)

    def _objective(self, residual: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
        """Return the unexplained share of the template's variance, and the share of weight inside the sampled image.

        Both (B,). The first is the weighted sum of squares of the residual, divided by that of the template (minus its
        mean in the cell). A voxel outside the sampled image has the template's own value as its residual. On levels
        with the surface's step, the fitted step has been subtracted in both sums, because it explains as much at any
        pose.

        Parameters
        ----------
        residual
            (B, N, V) HU.
        inside
            (B, N, V) the cells' weights, 0 at voxels outside the sampled image.
        """
        wanted = self.cells.weights
        unexplained = sum_all(inside * residual.square() + (wanted - inside) * self._squares)
        return unexplained / self._total, sum_all(inside) / self._weight


class CellEquations(Protocol):
    """Normal equations of each cell in n parameters: the six of the pose, and three blurs if these are free."""

    @property
    def hessian(self) -> Tensor:
        """Gauss-Newton Hessian of each cell under each pose, per mm^2: (B, N, n, n)."""

    @property
    def gradient(self) -> Tensor:
        """Gradient of each cell's half sum of squares under each pose, per mm: (B, N, n)."""

    @property
    def residual_variance(self) -> Tensor:
        """Robustly weighted mean square of the residual in HU^2, one number for all poses together: shape ()."""

    def sum_cells(self) -> NormalEquations:
        """Return the normal equations of the pose alone: summed over all cells, the blurs eliminated."""


@dataclass(frozen=True, eq=False)
class TensorEquations:
    """`CellEquations` from tensor operations; objective and overlap are (B,) float64, as in `NormalEquations`."""

    hessian: Tensor
    gradient: Tensor
    objective: Tensor
    overlap: Tensor
    residual_variance: Tensor

    def sum_cells(self) -> NormalEquations:
        """Return the normal equations of the pose alone: summed over all cells, the blurs eliminated."""
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
        (N, V) squares of the template's intensities minus their cell's mean and fitted surface step, HU^2
        (`centred_squares`).
    total, weight
        Sums over all voxels: of weight times ``squares``, HU^2, and of the weights.
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
        """Number of parameters: 6 of the pose, or 9 with three free blurs."""
        return 9 if self.free_blur else 6


class Kernels(Protocol):
    """Fused replacements of the tensor operations of `LocalAffine` on one device."""

    def cell_equations(self, matrices: NDArray[np.floating], data: ResidualData) -> CellEquations:
        """Return the normal equations of each cell about (B, 4, 4) poses sampled_from_template."""

    def unexplained(
        self, matrices: NDArray[np.floating], data: ResidualData
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return the objectives (B,) and the overlaps (B,), as in `NormalEquations`, at (B, 4, 4) poses."""

    def minimise(
        self, data: ResidualData, starts: Sequence[RigidTransform], settings: GaussNewtonSettings
    ) -> list[Solution]:
        """Return a Gauss-Newton solution for each start."""
