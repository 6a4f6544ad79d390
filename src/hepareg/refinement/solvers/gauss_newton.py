"""Damped Gauss-Newton on SE(3), for a batch of starts."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hepareg.refinement.solvers.normal_equations import NormalEquations, apply_steps
from hepareg.refinement.solvers.solution import Solution, Status
from hepareg.transforms import RigidTransform

__all__ = ["SMALLEST_EIGENVALUE", "GaussNewtonSettings", "conclude", "gauss_newton"]

SMALLEST_EIGENVALUE = 1e-9
"""A numerical guard: a Hessian whose smallest eigenvalue is below this share of the largest determines no pose."""

Objective = Callable[[NDArray[np.floating]], NormalEquations]


@dataclass(frozen=True)
class GaussNewtonSettings:
    """Limits on the number and length of steps, and for convergence.

    Parameters
    ----------
    max_iterations
        Most steps.
    tolerance_mm
        Converged when a step (translation and arc at 60 mm together) is shorter than this.
    max_step_mm
        Longer steps are shortened: the linearisation holds over about a voxel or two.
    damping
        Levenberg-Marquardt term relative to the diagonal; only guards against near-singularity.
    min_overlap
        Smallest share of the voxels' weight inside the sampled image for a step to be trusted.
    max_rise
        A solution whose objective is above its start's by more than this share has diverged. The objective weighs all
        voxels alike and the robust weights do not: while the liver fits better, tissue that moves differently can fit
        worse and raise the objective by up to a fifth on coarse images.
    """

    max_iterations: int = 10
    tolerance_mm: float = 0.01
    max_step_mm: float = 10.0
    damping: float = 1e-6
    min_overlap: float = 0.15
    max_rise: float = 0.5


def gauss_newton(
    objective: Objective,
    starts: Sequence[RigidTransform],
    *,
    centre_mm: NDArray[np.floating],
    settings: GaussNewtonSettings,
) -> list[Solution]:
    """Minimise a sum of squares from several starts at once.

    Robust weights are re-estimated in every iteration (iteratively re-weighted least squares), so
    the objective need not fall at every step; a solution that ends far above its start is replaced by the start
    and has the status NOT_IMPROVED.

    Parameters
    ----------
    objective
        Maps (B, 4, 4) poses to their normal equations.
    starts
        B poses, sampled_from_template.
    centre_mm
        (3,) centre of the small motions, world mm of the template.
    settings
        Limits of the steps, and for convergence.

    Returns
    -------
    list of Solution
        One for each start, in order.
    """
    began = time.perf_counter()
    poses = np.stack([start.matrix for start in starts])
    running = np.ones(len(poses), dtype=bool)
    statuses = [Status.ITERATION_LIMIT] * len(poses)
    histories: list[list[float]] = [[] for _ in poses]
    for iteration in range(settings.max_iterations + 1):
        active = np.flatnonzero(running)
        if not len(active):
            break
        model = objective(poses[active])
        steps, determined = _steps(model.hessian, model.gradient, settings)
        overlapping = model.overlap >= settings.min_overlap
        for b, value in zip(active, model.objective.tolist(), strict=True):
            histories[b].append(value)
        ends = {Status.NO_OVERLAP: ~overlapping}
        if iteration < settings.max_iterations:
            ends[Status.SINGULAR] = overlapping & ~determined
            stepping = overlapping & determined
            ends[Status.CONVERGED] = stepping & (np.linalg.norm(steps, axis=1) < settings.tolerance_mm)
            poses[active[stepping]] = apply_steps(poses[active[stepping]], steps[stepping], centre_mm)
        for status, ended in ends.items():
            running[active[ended]] = False
            for b in active[ended]:
                statuses[b] = status
    seconds = time.perf_counter() - began
    found = zip(starts, RigidTransform.from_matrices(poses), statuses, histories, strict=True)
    return [conclude(start, pose, status, history, seconds, settings) for start, pose, status, history in found]


def _steps(
    hessian: NDArray[np.floating], gradient: NDArray[np.floating], settings: GaussNewtonSettings
) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """Return (B, 6) steps in mm, shortened to ``settings.max_step_mm``, and (B,) whether each is determined.

    A step that is not determined is 0.
    """
    finite = np.isfinite(hessian).all(axis=(1, 2)) & np.isfinite(gradient).all(axis=1)
    if not finite.all():
        hessian, gradient = np.where(finite[:, None, None], hessian, 0.0), np.where(finite[:, None], gradient, 0.0)
    eigenvalues, vectors = np.linalg.eigh(hessian * _damped(settings.damping))
    determined = eigenvalues[:, 0] > SMALLEST_EIGENVALUE * np.maximum(eigenvalues[:, -1], 1e-30)
    along = (gradient[:, None] @ vectors)[:, 0] / np.where(determined[:, None], eigenvalues, np.inf)
    lengths = np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
    along *= -np.minimum(1.0, settings.max_step_mm / lengths)
    return (vectors @ along[..., None])[..., 0], determined


@cache
def _damped(damping: float) -> NDArray[np.floating]:
    """Return the (6, 6) factors for the entries of a Hessian: 1 + damping on the diagonal, 1 elsewhere."""
    return np.ones((6, 6)) + damping * np.eye(6)


def conclude(
    start: RigidTransform,
    pose: RigidTransform,
    status: Status,
    history: list[float],
    seconds: float,
    settings: GaussNewtonSettings,
) -> Solution:
    """Return the solution of an iteration that has ended: its pose, or its start if it diverged or lost the overlap."""
    # The last step of a converged iteration is below the tolerance and is not evaluated again.
    failed = status is Status.NO_OVERLAP or history[-1] > history[0] * (1 + settings.max_rise)
    if failed and status is not Status.NO_OVERLAP:
        status = Status.NOT_IMPROVED
    return Solution(start if failed else pose, status, len(history) - 1, tuple(history), seconds)
