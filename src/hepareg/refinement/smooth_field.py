"""The bend of a liver: a smooth displacement that remains after a rigid pose.

A liver that bends has no pose at which everything fits; the optimum of a similarity measure is then
the pose at which most edges fit, not the best rigid fit of the whole organ. Here the displacement that remains
after a rigid pose is estimated with a smooth prior under which tissue keeps its volume, and the rigid
pose is the least-squares fit of the whole motion over the liver's volume. An edge shows only the
motion across itself. The prior, under which the liver is incompressible, supplies most of the motion along the edge,
and the motion of tissue without edges.

References
----------
Rasmussen, C. E. and Williams, C. K. I. Gaussian Processes for Machine Learning. MIT Press, 2006,
section 2.2 (posterior mean of a smooth function with a Gaussian prior) and 8.3 (its projection onto knots).
Narcowich, F. J. and Ward, J. D. Generalized Hermite interpolation via matrix-valued conditionally
positive definite functions. Mathematics of Computation 63, 1994 (the divergence-free kernel).
doi:10.1090/S0025-5718-1994-1254147-6
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.refinement.local_affine import LocalAffine
from hepareg.transforms import RigidTransform

__all__ = ["SmoothField", "SmoothFieldSettings", "displace", "estimate_field"]

JITTER = 1e-5
"""Added to the knots' covariance, whose diagonal is 1, so that it can be inverted."""


@dataclass(frozen=True)
class SmoothFieldSettings:
    """Prior and iteration of the remaining displacement.

    Parameters
    ----------
    block_mm
        Distance between knots, about half of the distance over which the displacement varies.
    amplitude_mm, length_mm
        Standard deviation of a displacement component, and the distance over which it varies.
    noise_factor
        Number of neighbouring voxels whose residuals count as one independent observation.
    iterations
        Number of Gauss-Newton steps, each with the residual linearised anew.
    max_step_mm
        No knot moves farther in one iteration: the linearisation holds over a voxel or two.
    """

    block_mm: float = 30.0
    amplitude_mm: float = 4.0
    length_mm: float = 65.0
    noise_factor: float = 8.0
    iterations: int = 6
    max_step_mm: float = 4.0


@dataclass(frozen=True, eq=False)
class SmoothField:
    """Displacement of the template's points before the rigid pose, without divergence.

    It is the posterior mean of a Gaussian process.

    Parameters
    ----------
    knots_mm
        (K, 3) points, world mm of the template.
    weights_mm
        (K, 3) coefficients: u(x) = sum_k C(x - knot_k) weight_k.
    length_mm
        Correlation length L.

    Notes
    -----
    C(d) = exp(-|d|^2 / 2 L^2) ((2 - |d|^2 / L^2) I + d d' / L^2) / 2, the identity at d = 0: each of
    its columns is the curl of a curl of a Gaussian.
    """

    knots_mm: Points
    weights_mm: NDArray[np.floating]
    length_mm: float

    def __call__(self, points_mm: Points) -> Points:
        """Return (N, 3) displacements in mm at (N, 3) points."""
        return (_covariance(points_mm, self.knots_mm, self.length_mm) @ self.weights_mm.ravel()).reshape(-1, 3)


def estimate_field(
    residual: LocalAffine,
    pose: RigidTransform,
    *,
    points_mm: Points,
    settings: SmoothFieldSettings,
    field: SmoothField | None = None,
) -> SmoothField:
    """Return the smooth displacement that, applied before ``pose``, explains the images best.

    Parameters
    ----------
    residual
        The level's residual; its ``free_blur`` must be False. The field moves each of its cells as a whole, by the
        displacement at the cell's centre.
    pose
        sampled_from_template; it stays fixed.
    points_mm
        (N, 3) points spread over the liver, world mm of the template. The mean of the points in each cube of
        ``settings.block_mm`` is a knot.
    settings
        Prior and iteration.
    field
        Initial field, such as the result of a coarser level; None begins without displacement.

    Notes
    -----
    The displacements u of the knots minimise half the residual's weighted sum of squares divided by the variance of
    one independent observation (``settings.noise_factor`` times the residual's), plus u' P u / 2, with P the inverse
    of the prior covariance of u (`SmoothField`, times ``settings.amplitude_mm`` squared). Each iteration takes one
    Gauss-Newton step (`_posterior_step`), shortened as a whole if a component exceeds ``settings.max_step_mm``. A cell
    enters by its three translations alone.
    """
    knots, length = _knots(points_mm, settings.block_mm), settings.length_mm
    inverse = np.linalg.inv(_covariance(knots, knots, length) + JITTER * np.eye(knots.size))
    centres = _cell_centres(residual)
    # (3 N, 3 K): displacements of the cells from those of the knots.
    spread = _covariance(centres, knots, length) @ inverse
    prior = inverse / settings.amplitude_mm**2
    at_knots = np.zeros(knots.size) if field is None else field(knots).ravel()
    for _ in range(settings.iterations):
        found = _shift(residual, (spread @ at_knots).reshape(-1, 3)).cell_equations(pose.matrix[None])
        noise = settings.noise_factor * float(found.residual_variance)
        H = found.hessian[0][:, 3:, 3:].double().cpu().numpy() / noise
        g = found.gradient[0][:, 3:].double().cpu().numpy() / noise
        step = _posterior_step(H, g, at_knots, spread, prior)
        at_knots = at_knots + step * min(1.0, settings.max_step_mm / max(float(np.abs(step).max()), 1e-12))
    return SmoothField(knots, (inverse @ at_knots).reshape(-1, 3), length)


def displace(residual: LocalAffine, field: Callable[[Points], Points]) -> LocalAffine:
    """Return the residual with every cell moved, as a whole, by the field: from points to displacements in mm."""
    return _shift(residual, field(_cell_centres(residual)))


def _shift(residual: LocalAffine, shifts_mm: Points) -> LocalAffine:
    """Return the residual with each of its N cells moved as a whole by a row of (N, 3) displacements."""
    offsets = residual.cells.offsets_mm
    shift = torch.as_tensor(shifts_mm, device=offsets.device).to(offsets.dtype)
    return residual.with_cells(replace(residual.cells, offsets_mm=offsets + shift[:, None]))


def _cell_centres(residual: LocalAffine) -> Points:
    cells = residual.cells
    return cells.offsets_mm.mean(dim=1).double().cpu().numpy() + cells.centre_mm


def _knots(points_mm: Points, block_mm: float) -> Points:
    """Return the mean of the points in each cube of an edge of ``block_mm``."""
    index = np.floor((points_mm - points_mm.min(axis=0)) / block_mm).astype(int)
    _, block = np.unique(index, axis=0, return_inverse=True)
    counts = np.bincount(block.ravel())
    return np.stack([np.bincount(block.ravel(), weights=column) / counts for column in points_mm.T], axis=1)


def _covariance(a: Points, b: Points, length_mm: float) -> NDArray[np.floating]:
    """Return the (3 A, 3 B) covariance of the displacements at two sets of points, of amplitude 1."""
    offset = (a[:, None] - b[None]) / length_mm
    squared = np.square(offset).sum(axis=-1)[..., None, None]
    blocks = 0.5 * np.exp(-0.5 * squared) * ((2 - squared) * np.eye(3) + offset[..., :, None] * offset[..., None, :])
    return blocks.transpose(0, 2, 1, 3).reshape(3 * len(a), 3 * len(b))


def _posterior_step(
    H: NDArray[np.floating],
    g: NDArray[np.floating],
    current: NDArray[np.floating],
    spread: NDArray[np.floating],
    prior: NDArray[np.floating],
) -> NDArray[np.floating]:
    """Return the change of the knots' displacements in mm that is best for the linearised residual and the prior.

    The change d minimises sum_c (d_c' H_c d_c / 2 + g_c' d_c) + (u + d)' P (u + d) / 2. Here c runs over the cells, d_c
    are the three components of S d at the cell c, u is ``current``, S is ``spread`` and P is ``prior``. So d solves
    (S' H S + P) d = -(S' g + P u), with H the block-diagonal matrix of all H_c and g all g_c in one column.

    Parameters
    ----------
    H
        (N, 3, 3) Hessian of each cell for its translation, divided by the variance of the noise, per mm^2.
    g
        (N, 3) gradient of each cell at the present displacements, divided by the same variance, per mm.
    current
        (3 K,) displacements u of K knots so far, mm: x, y and z of the first knot, then of the next.
    spread
        (3 N, 3 K) matrix from the displacements of the knots to those of the cells.
    prior
        (3 K, 3 K) inverse of the prior covariance of u, per mm^2.

    Returns
    -------
    ndarray
        (3 K,) d, mm.
    """
    cells, count = len(H), spread.shape[1]
    curved = (H @ spread.reshape(cells, 3, count)).reshape(3 * cells, count)
    return np.linalg.solve(spread.T @ curved + prior, -(spread.T @ g.ravel() + prior @ current))
