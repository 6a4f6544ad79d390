"""Gauss-Newton of the residual with the poses kept on a CUDA device.

The steps that `gauss_newton` takes with NumPy between two evaluations are one small kernel here, with one program for
each pose, so that the device need not wait for the host in every iteration. A test compares the two. Needs Triton.
"""

import time
from collections.abc import Sequence

import numpy as np
import torch
import triton
import triton.language as tl
from numpy.typing import NDArray
from torch import Tensor

from hepareg.refinement.cuda.local_affine_kernels import INSIDE, UNEXPLAINED, fit_cells, sum_voxels
from hepareg.refinement.local_affine import ResidualData
from hepareg.refinement.solvers.gauss_newton import SMALLEST_EIGENVALUE, GaussNewtonSettings, conclude
from hepareg.refinement.solvers.normal_equations import ARC_RADIUS_MM, UNDETERMINED
from hepareg.refinement.solvers.solution import Solution, Status
from hepareg.transforms import RigidTransform
from hepareg.voxel_tensor import small_tensor

__all__ = ["minimise"]

STATUSES = (Status.ITERATION_LIMIT, Status.CONVERGED, Status.SINGULAR, Status.NO_OVERLAP)
"""The position of a status in this tuple is the code that the kernel writes; 0 also means that the pose is running."""
LOOK_EVERY = 2
"""The host checks after every so many iterations whether all poses have ended; the number changes only the speed."""


def minimise(data: ResidualData, starts: Sequence[RigidTransform], settings: GaussNewtonSettings) -> list[Solution]:
    """Minimise from several starts at once, as `gauss_newton` does about the cells' centre.

    A pose counts as undetermined if a pivot of its Hessian's elimination is too small; `gauss_newton` looks at the
    eigenvalues instead.

    Parameters
    ----------
    data
        The residual.
    starts, settings
        See `gauss_newton`.
    """
    began = time.perf_counter()
    cells, sampled, last = data.cells, data.sampled, settings.max_iterations
    poses = np.stack([start.matrix for start in starts])
    placements = sampled.voxel_from_offset(poses, cells)
    centre = np.eye(4)
    centre[:3, 3] = cells.centre_mm
    found = _Found(poses, last, placements.device)
    frames = small_tensor(np.stack([sampled.grid.voxel_from_world, centre]), placements.device)
    numbers = [
        data.total, data.weight, settings.damping, settings.max_step_mm, settings.tolerance_mm,
        settings.min_overlap, SMALLEST_EIGENVALUE, ARC_RADIUS_MM, UNDETERMINED,
    ]  # fmt: skip
    limits = small_tensor(np.array(numbers), placements.device)
    for iteration in range(last + 1):
        planes, rows = fit_cells(placements, data)
        sums = sum_voxels(planes, rows, data).sum(dim=2, dtype=torch.float64)
        _advance[(len(starts),)](
            sums, limits, frames, found.poses, placements, found.histories, found.states, len(starts), iteration, last,
            N=data.num_parameters, WIDTH=triton.next_power_of_2(data.num_parameters + 1),
            UNEXPLAINED=len(sums) + UNEXPLAINED, INSIDE=len(sums) + INSIDE,
        )  # fmt: skip
        if iteration % LOOK_EVERY and bool(found.states[0].all()):
            break
    return found.solutions(starts, settings, began)


class _Found:
    """Progress of Gauss-Newton from B starts, as tensors that the kernel writes.

    ``poses`` (B, 4, 4) float64 are the latest poses, sampled_from_template. ``histories`` (iterations + 1, B) float64
    have in row n the objective before step n, and 0 after a pose has ended. ``states`` (2, B) int32 have in row 0 the
    status code (a position in `STATUSES`, 0 while running), in row 1 the number of evaluations of the objective.
    """

    def __init__(self, poses: NDArray[np.floating], iterations: int, device: torch.device) -> None:
        self.poses = small_tensor(poses, device)
        self.histories = self.poses.new_zeros(iterations + 1, len(poses))
        self.states = self.poses.new_zeros(2, len(poses), dtype=torch.int32)

    def solutions(
        self, starts: Sequence[RigidTransform], settings: GaussNewtonSettings, began: float
    ) -> list[Solution]:
        """Return a solution for each start; one copy brings all numbers from the device."""
        everything: list[Tensor] = [self.states.double(), self.histories, self.poses.flatten(1).T]
        host = torch.cat(everything).T.cpu().numpy()
        numbers, evaluations = host[:, 0].astype(int), host[:, 1].astype(int)
        poses, histories = RigidTransform.from_matrices(host[:, -16:].reshape(-1, 4, 4)), host[:, 2:-16].tolist()
        seconds = time.perf_counter() - began
        return [
            conclude(start, poses[b], STATUSES[numbers[b]], histories[b][: evaluations[b]], seconds, settings)
            for b, start in enumerate(starts)
        ]


@triton.jit
def _product(a, b):
    """Return the product of two (4, 4) matrices."""
    return tl.sum(a[:, :, None] * b[None, :, :], axis=1)


@triton.jit
def _entry(vector, n: tl.constexpr, WIDTH: tl.constexpr):
    """Return element n of a vector of WIDTH elements, which Triton cannot index."""
    return tl.sum(tl.where(tl.arange(0, WIDTH) == n, vector, 0.0), axis=0)


@triton.jit
def _motion(step, centre, radius, WIDTH: tl.constexpr):
    """Return the (4, 4) matrix of a step (rotation in mm of arc at ``radius``, translation in mm) about a centre.

    ``centre`` is a (4, 4) translation matrix that has the centre in its last column.
    """
    r, c = tl.arange(0, 4)[:, None], tl.arange(0, 4)[None, :]
    x, y, z = _entry(step, 0, WIDTH) / radius, _entry(step, 1, WIDTH) / radius, _entry(step, 2, WIDTH) / radius
    K = tl.where((r == 2) & (c == 1), x, 0.0) - tl.where((r == 1) & (c == 2), x, 0.0)
    K += tl.where((r == 0) & (c == 2), y, 0.0) - tl.where((r == 2) & (c == 0), y, 0.0)
    K += tl.where((r == 1) & (c == 0), z, 0.0) - tl.where((r == 0) & (c == 1), z, 0.0)
    square = x * x + y * y + z * z
    angle = tl.sqrt(tl.maximum(square, 1e-12))
    half = tl.sin(0.5 * angle) / (0.5 * angle)
    small = square < 1e-6
    first = tl.where(small, 1 - square / 6, tl.sin(angle) / angle)
    second = tl.where(small, 0.5 - square / 24, 0.5 * half * half)
    turn = tl.where(r == c, 1.0, 0.0) + first * K + second * _product(K, K)
    shift = tl.where(r == 0, _entry(step, 3, WIDTH), 0.0) + tl.where(r == 1, _entry(step, 4, WIDTH), 0.0)
    shift += tl.where(r == 2, _entry(step, 5, WIDTH), 0.0)
    where = tl.where(c == 3, tl.where(r < 3, centre, 0.0), 0.0)  # the centre as a column of translations
    moved = tl.sum(turn[:, :, None] * where[None, :, :], axis=1)
    return turn + where - moved + tl.where(c == 3, shift, 0.0)


@triton.jit(do_not_specialize=["poses", "iteration", "last"])
def _advance(
    sums, limits, frames, matrices, placements, histories, states, poses, iteration, last,
    N: tl.constexpr, WIDTH: tl.constexpr, UNEXPLAINED: tl.constexpr, INSIDE: tl.constexpr,
) -> None:  # fmt: skip
    """Record the objective of each pose that has not ended, take one step of the pose, and update its status.

    One program a pose. Objective = sums[UNEXPLAINED] / limits[0], overlap = sums[INSIDE] / limits[1].

    1. Parameters beside the pose's six are eliminated from the normal equations, except those whose pivot is at most
       limits[8] times the largest of their diagonal entries.
    2. The diagonal of the remaining (6, 6) Hessian H is multiplied by 1 + limits[2]; the step is -H^-1 gradient. It is
       shortened to limits[3] if it is longer.
    3. Status: NO_OVERLAP if the overlap is below limits[5]. In the iteration ``last`` the pose is only evaluated and
       keeps the code 0. Before: SINGULAR if a pivot of H is at most limits[6] times its largest diagonal entry,
       CONVERGED if the step is shorter than limits[4], else 0.
    4. A step, a converged one included, is applied as pose @ motion about the cells' centre. Nothing moves without
       overlap, with a singular H, or in the iteration ``last``.

    Parameters
    ----------
    sums
        In, (R, B) float64: the rows of `sum_voxels`, added up over all cells.
    limits
        In, (9,) float64: total and weight of `ResidualData`, damping, max_step_mm, tolerance_mm and min_overlap of
        `GaussNewtonSettings`, `SMALLEST_EIGENVALUE`, `ARC_RADIUS_MM`, `UNDETERMINED`.
    frames
        In, (2, 4, 4) float64: voxel_from_world of the sampled image; translation by the cells' centre in mm.
    matrices
        In and out, (B, 4, 4) float64: the poses, sampled_from_template.
    placements
        In and out, (B, 3, 4) float32: ``voxel_from_offset`` of the poses, for the next `fit_cells`.
    histories
        Out, (last + 1, B) float64: the row ``iteration`` receives the objectives before this step.
    states
        In and out, (2, B) int32: row 0 the status code (position in `STATUSES`; 0: still running), row 1 the number of
        evaluations, iteration + 1.
    poses, iteration, last
        B; number of this iteration from 0; the last iteration, which takes no step.
    N, WIDTH
        Number of parameters, 6 or 9, and the next power of two from N + 1.
    UNEXPLAINED, INSIDE
        Indices of these rows of ``sums``, from 0.
    """
    pose = tl.program_id(0)
    running = tl.load(states + pose) == 0
    objective = tl.load(sums + UNEXPLAINED * poses + pose) / tl.load(limits)
    overlapping = tl.load(sums + INSIDE * poses + pose) / tl.load(limits + 1) >= tl.load(limits + 5)
    r, c = tl.arange(0, WIDTH)[:, None], tl.arange(0, WIDTH)[None, :]
    low, high = tl.minimum(r, c), tl.maximum(r, c)
    gradients = N * (N + 1) // 2
    place = tl.where(c == N, gradients + r, low * (2 * N - 1 - low) // 2 + high)  # the gradient is the last column
    A = tl.load(sums + place * poses + pose, mask=(r < N) & (c <= N), other=0.0)
    # Gauss-Jordan; a positive definite matrix needs no search for pivots. The parameters beside the pose go first.
    least = tl.load(limits + 8) * tl.max(tl.max(tl.where((r == c) & (r >= 6), A, 0.0), axis=1), axis=0)
    for k in tl.static_range(6, N):
        row = tl.sum(tl.where(r == k, A, 0.0), axis=0)
        pivot = _entry(row, k, WIDTH)
        row = tl.where(pivot > least, row / tl.where(pivot > least, pivot, 1.0), 0.0)
        column = tl.sum(tl.where(c == k, A, 0.0), axis=1)
        A = tl.where(r == k, row[None, :], A - column[:, None] * row[None, :])
    A = tl.where((r < 6) & ((c < 6) | (c == N)), A, 0.0)
    A = tl.where(r == c, A * (1 + tl.load(limits + 2)), A)
    largest = tl.max(tl.max(tl.where(r == c, A, 0.0), axis=1), axis=0)
    smallest = largest
    for k in tl.static_range(6):
        row = tl.sum(tl.where(r == k, A, 0.0), axis=0)
        pivot = _entry(row, k, WIDTH)
        smallest = tl.minimum(smallest, pivot)
        row = row / pivot
        column = tl.sum(tl.where(c == k, A, 0.0), axis=1)
        A = tl.where(r == k, row[None, :], A - column[:, None] * row[None, :])
    step = -tl.sum(tl.where(c == N, A, 0.0), axis=1)
    length = tl.sqrt(tl.sum(step * step, axis=0))
    determined = (smallest > tl.load(limits + 6) * tl.maximum(largest, 1e-30)) & (length < float("inf"))
    share = tl.minimum(1.0, tl.load(limits + 3) / tl.maximum(length, 1e-12))
    step, length = step * share, length * share
    stepping = running & overlapping & determined & (iteration < last)
    ended = tl.where(determined, tl.where(length < tl.load(limits + 4), 1, 0), 2)
    ended = tl.where(iteration < last, ended, 0)
    tl.store(states + pose, tl.where(overlapping, ended, 3), mask=running)
    tl.store(states + poses + pose, iteration + 1, mask=running)
    tl.store(histories + iteration * poses + pose, objective, mask=running)
    r, c = tl.arange(0, 4)[:, None], tl.arange(0, 4)[None, :]
    at = r * 4 + c
    centre = tl.load(frames + 16 + at)
    motion = _motion(step, centre, tl.load(limits + 7), WIDTH)
    matrix = _product(tl.load(matrices + pose * 16 + at), motion)
    written = tl.where(stepping, r, 4)  # rows, 4 for none: Triton's interpreter broadcasts no scalar mask
    tl.store(matrices + pose * 16 + at, matrix, mask=written < 4)
    placed = _product(_product(tl.load(frames + at), matrix), centre)
    tl.store(placements + pose * 12 + at, placed.to(tl.float32), mask=written < 3)
