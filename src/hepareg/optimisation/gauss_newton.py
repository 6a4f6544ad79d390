"""Damped Gauss-Newton on SE(3), for a batch of starts."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepareg.optimisation.normal_equations import NormalEquations, moved
from hepareg.optimisation.solution import Solution, Status
from hepareg.transforms import RigidTransform

__all__ = ["GaussNewtonSettings", "gauss_newton"]

WORSE = 0.5
"""Relative rise of the objective from which on a solution counts as worse than its start.

The objective counts all voxels alike and the robust weights do not: what moves otherwise than the
liver fits worse as the liver fits better, by up to a fifth on coarse images. Only a divergence counts.
"""

Objective = Callable[[NDArray[np.floating]], NormalEquations]


@dataclass(frozen=True)
class GaussNewtonSettings:
    """When to stop and how far to step.

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
        Smallest share of the samples inside the moving image for a step to be trusted.
    """

    max_iterations: int = 10
    tolerance_mm: float = 0.01
    max_step_mm: float = 10.0
    damping: float = 1e-6
    min_overlap: float = 0.15


def gauss_newton(
    objective: Objective,
    starts: Sequence[RigidTransform],
    *,
    centre_mm: NDArray[np.floating],
    settings: GaussNewtonSettings,
) -> list[Solution]:
    """Minimise a sum of squares from several starts at once.

    Robust weights are re-estimated in every iteration (iteratively re-weighted least squares), so
    the objective need not fall at every step; a solution that ends above its start is thrown away
    and says so.

    Parameters
    ----------
    objective
        Maps (B, 4, 4) poses to their normal equations.
    starts
        B poses, moving_from_fixed.
    centre_mm
        (3,) centre of the small motions; the samples' centre.

    Returns
    -------
    list of Solution
        One for each start, in order.
    """
    began = time.perf_counter()
    poses = list(starts)
    running = np.ones(len(poses), dtype=bool)
    statuses = [Status.ITERATION_LIMIT] * len(poses)
    histories: list[list[float]] = [[] for _ in poses]
    for iteration in range(settings.max_iterations + 1):
        active = np.flatnonzero(running)
        if not len(active):
            break
        model = objective(np.stack([poses[b].matrix for b in active]))
        for row, b in enumerate(active):
            histories[b].append(float(model.objective[row]))
            if model.overlap[row] < settings.min_overlap:
                running[b], statuses[b] = False, Status.NO_OVERLAP
                continue
            if iteration == settings.max_iterations:
                continue
            step = _step(model.hessian[row], model.gradient[row], settings)
            if step is None:
                running[b], statuses[b] = False, Status.SINGULAR
                continue
            poses[b] = moved(poses[b], step, centre_mm)
            if np.linalg.norm(step) < settings.tolerance_mm:
                running[b], statuses[b] = False, Status.CONVERGED
    seconds = time.perf_counter() - began
    return [_solution(starts[b], poses[b], statuses[b], histories[b], seconds) for b in range(len(poses))]


def _step(
    hessian: NDArray[np.floating], gradient: NDArray[np.floating], settings: GaussNewtonSettings
) -> NDArray[np.floating] | None:
    """Return the (6,) step in mm, shortened to the longest allowed, or None where it is not determined."""
    damped = hessian + settings.damping * np.diag(np.diag(hessian))
    eigenvalues = np.linalg.eigvalsh(damped) if np.isfinite(damped).all() else np.zeros(6)
    if eigenvalues[0] <= 1e-9 * max(eigenvalues[-1], 1e-30):
        return None
    step = -np.linalg.solve(damped, gradient)
    return step * min(1.0, settings.max_step_mm / max(float(np.linalg.norm(step)), 1e-12))


def _solution(
    start: RigidTransform, pose: RigidTransform, status: Status, history: list[float], seconds: float
) -> Solution:
    # The last step of a converged iteration is below the tolerance and is not evaluated again.
    failed = status is Status.NO_OVERLAP or history[-1] > history[0] * (1 + WORSE)
    if failed and status is not Status.NO_OVERLAP:
        status = Status.NOT_IMPROVED
    return Solution(start if failed else pose, status, len(history) - 1, tuple(history), seconds)
