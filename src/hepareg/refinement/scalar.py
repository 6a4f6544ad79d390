"""Measures that are one number (NCC, local NCC, NMI, MI) as registration objectives: BFGS on six parameters."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize
from torch import Tensor, nn

from hepareg.geometry.boxes import bounding_box
from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.level_images import LevelImages
from hepareg.refinement.measure import WINDOW_HU
from hepareg.refinement.solvers.gauss_newton import GaussNewtonSettings
from hepareg.refinement.solvers.normal_equations import ARC_RADIUS_MM
from hepareg.refinement.solvers.solution import Solution, Status
from hepareg.similarity import MI, NCC, NMI, LocalNCC
from hepareg.transforms import RigidTransform
from hepareg.transforms.warp import warp

__all__ = ["LocalNCCMeasure", "MIMeasure", "NCCMeasure", "NMIMeasure", "ScalarObjective", "minimise_scalar"]

ENDS = {0: Status.CONVERGED, 1: Status.ITERATION_LIMIT, 2: Status.STALLED}
"""What scipy's BFGS calls: slope below the tolerance, too many steps, precision loss."""
BFGS_STEPS = 4
"""BFGS steps that are allowed for one of Gauss-Newton: it has to learn the curvature first."""


class ScalarObjective:
    """A measure over the region as a function of six parameters about a start.

    Parameters
    ----------
    images
        The level's images; the dense region of the template is compared.
    loss
        Called as ``loss(fixed, warped, mask, spacing_mm=...)``, returns (1,).
    unrelated
        The loss of unrelated images: what the part of the region outside the moving image is worth.
    """

    def __init__(self, images: LevelImages, loss: nn.Module, unrelated: float) -> None:
        region = images.region()
        start, stop = bounding_box(region.cpu().numpy())
        box = tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
        self.fixed = GridImage(images.template.data[box], images.template.grid.crop(start, stop))
        self.region = region[box]
        self.sampled, self.loss, self.unrelated = images.sampled, loss, unrelated
        self.centre_mm = images.centre_mm

    def pose(self, start: RigidTransform, parameters_mm: Tensor) -> Tensor:
        """Return (4, 4) start @ motion, the motion an exponential of a twist about the centre, in mm and mm of arc."""
        twist = torch.zeros(4, 4, dtype=torch.float64)
        w = parameters_mm[:3] / ARC_RADIUS_MM
        for (row, column), value in zip(((2, 1), (0, 2), (1, 0)), w, strict=True):
            twist = twist + value * _entry(row, column) - value * _entry(column, row)
        for row in range(3):
            twist = twist + parameters_mm[3 + row] * _entry(row, 3)
        centre = torch.eye(4, dtype=torch.float64)
        centre[:3, 3] = torch.as_tensor(self.centre_mm)
        return torch.as_tensor(start.matrix.copy()) @ centre @ torch.linalg.matrix_exp(twist) @ torch.linalg.inv(centre)

    def overlap(self, start: RigidTransform) -> float:
        """Return the share of the region inside the moving image."""
        return self._compare(torch.as_tensor(start.matrix.copy()))[1]

    def __call__(
        self, start: RigidTransform, parameters_mm: NDArray[np.floating]
    ) -> tuple[float, NDArray[np.floating]]:
        """Return overlap * (loss - unrelated), lower is better, and its gradient per mm."""
        with torch.enable_grad():
            leaf = torch.tensor(parameters_mm, dtype=torch.float64, requires_grad=True)
            value, _ = self._compare(self.pose(start, leaf))
            if value is None or not bool(torch.isfinite(value)):
                return 0.0, np.zeros(6)
            (gradient,) = torch.autograd.grad(value, leaf)
        return float(value.detach()), gradient.numpy()

    def _compare(self, matrix: Tensor) -> tuple[Tensor | None, float]:
        found = warp(
            self.sampled.data[None, None],
            moving_world_from_voxel=self.sampled.grid.world_from_voxel,
            fixed_world_from_voxel=self.fixed.grid.world_from_voxel,
            fixed_shape=self.fixed.grid.shape,
            moving_from_fixed=matrix,
            padding="border",
        )
        mask = self.region[None, None] & found.valid
        overlap = float(mask.sum()) / max(float(self.region.sum()), 1.0)
        if not overlap:
            return None, overlap
        loss = self.loss(self.fixed.data[None, None], found.image, mask, spacing_mm=self.fixed.grid.spacing_mm.tolist())
        return overlap * (loss[0] - self.unrelated), overlap


def minimise_scalar(objective: ScalarObjective, start: RigidTransform, *, settings: GaussNewtonSettings) -> Solution:
    """Minimise from one start by BFGS with gradients from automatic differentiation.

    Parameters and values are scaled so that the first trial step is half a voxel. Converged means that
    a step was shorter than the tolerance or the slope is gone. Where the line search finds nothing lower
    along a descent direction before that, as at the kinks of linear interpolation, the status is stalled.
    """
    began = time.perf_counter()
    if objective.overlap(start) < settings.min_overlap:
        return Solution(start, Status.NO_OVERLAP, 0, (0.0,), time.perf_counter() - began)
    unit = 0.5 * float(objective.fixed.grid.spacing_mm.min())
    first, slope = objective(start, np.zeros(6))
    steepness = float(np.linalg.norm(slope)) * unit
    if steepness < 1e-12:
        return Solution(start, Status.SINGULAR, 0, (first,), time.perf_counter() - began)

    def scaled(x: NDArray[np.floating]) -> tuple[float, NDArray[np.floating]]:
        value, gradient = objective(start, unit * x)
        return value / steepness, gradient * unit / steepness

    history, trace = [first], _Trace(settings.tolerance_mm / unit)

    def follow(intermediate_result: OptimizeResult) -> None:
        history.append(float(intermediate_result.fun) * steepness)
        trace(intermediate_result.x)

    found = minimize(
        scaled, np.zeros(6), jac=True, method="BFGS", callback=follow,
        options={"maxiter": BFGS_STEPS * settings.max_iterations, "gtol": 1e-6},
    )  # fmt: skip
    status = Status.CONVERGED if trace.short else ENDS.get(found.status, Status.STALLED)
    pose = RigidTransform(objective.pose(start, torch.as_tensor(unit * found.x)).numpy())
    if objective.overlap(pose) < settings.min_overlap:
        status, pose = Status.NO_OVERLAP, start
    return Solution(pose, status, len(history) - 1, tuple(history), time.perf_counter() - began)


class _Trace:
    """Stops the iteration at the first step that is shorter than the tolerance."""

    def __init__(self, tolerance: float) -> None:
        self.tolerance, self.short = tolerance, False
        self.last: NDArray[np.floating] = np.zeros(6)

    def __call__(self, x: NDArray[np.floating]) -> None:
        self.short = bool(np.linalg.norm(x - self.last) < self.tolerance)
        self.last = x.copy()
        if self.short:
            raise StopIteration


def _entry(row: int, column: int) -> Tensor:
    matrix = torch.zeros(4, 4, dtype=torch.float64)
    matrix[row, column] = 1.0
    return matrix


def _from_each(
    images: LevelImages,
    starts: Sequence[RigidTransform],
    settings: GaussNewtonSettings,
    loss: nn.Module,
    window_hu: tuple[float, float],
    unrelated: float,
) -> list[Solution]:
    objective = ScalarObjective(images.windowed(window_hu), loss, unrelated)
    return [minimise_scalar(objective, start, settings=settings) for start in starts]


@dataclass(frozen=True)
class NCCMeasure:
    """Correlation coefficient over the region: one linear map of all intensities."""

    window_hu: tuple[float, float] = WINDOW_HU
    name: str = field(default="ncc", init=False)

    def minimise(
        self, images: LevelImages, starts: Sequence[RigidTransform], *, settings: GaussNewtonSettings
    ) -> list[Solution]:
        """Return a BFGS solution for each start."""
        return _from_each(images, starts, settings, NCC(), self.window_hu, 1.0)


@dataclass(frozen=True)
class LocalNCCMeasure:
    """Squared correlation in boxes of half width ``radius_mm``: another linear map in every place."""

    radius_mm: float = 9.0
    window_hu: tuple[float, float] = WINDOW_HU
    name: str = field(default="local_ncc", init=False)

    def minimise(
        self, images: LevelImages, starts: Sequence[RigidTransform], *, settings: GaussNewtonSettings
    ) -> list[Solution]:
        """Return a BFGS solution for each start."""
        return _from_each(images, starts, settings, LocalNCC(radius_mm=self.radius_mm), self.window_hu, 1.0)


@dataclass(frozen=True)
class NMIMeasure:
    """Normalised mutual information of the intensities over the region."""

    num_bins: int = 32
    window_hu: tuple[float, float] = WINDOW_HU
    name: str = field(default="nmi", init=False)

    def minimise(
        self, images: LevelImages, starts: Sequence[RigidTransform], *, settings: GaussNewtonSettings
    ) -> list[Solution]:
        """Return a BFGS solution for each start."""
        return _from_each(images, starts, settings, NMI(num_bins=self.num_bins), self.window_hu, 1.0)


@dataclass(frozen=True)
class MIMeasure:
    """Mutual information of the intensities over the region."""

    num_bins: int = 32
    window_hu: tuple[float, float] = WINDOW_HU
    name: str = field(default="mi", init=False)

    def minimise(
        self, images: LevelImages, starts: Sequence[RigidTransform], *, settings: GaussNewtonSettings
    ) -> list[Solution]:
        """Return a BFGS solution for each start."""
        return _from_each(images, starts, settings, MI(num_bins=self.num_bins), self.window_hu, 0.0)
