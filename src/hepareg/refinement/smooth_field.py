"""The displacement that remains after a rigid pose: a smooth field, estimated from the images with its uncertainty.

A liver that bends has no pose at which everything fits. The displacement u(x) that remains after a pose is a Gaussian
process under which tissue keeps its volume. An edge shows only the motion across itself; the prior supplies most of the
motion along the edge, and the motion of tissue without edges. How large displacements are is not assumed: of several
amplitudes, the one is used under which the observations are most probable, so that a liver that moves rigidly gets a
field near zero and a liver that bends gets its bend.

References
----------
Rasmussen, C. E. and Williams, C. K. I. Gaussian Processes for Machine Learning. MIT Press, 2006,
sections 2.2 (posterior of a smooth function), 5.4 (marginal likelihood) and 8.3 (projection onto knots).
Narcowich, F. J. and Ward, J. D. Generalized Hermite interpolation via matrix-valued conditionally
positive definite functions. Mathematics of Computation 63, 1994 (the divergence-free kernel).
doi:10.1090/S0025-5718-1994-1254147-6
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Points

__all__ = ["FieldBasis", "Observed", "Observer", "SmoothField", "SmoothFieldSettings", "field_basis", "improve_field"]

JITTER = 1e-5
"""Added to the knots' covariance, whose diagonal is 1, so that it can be inverted."""


@dataclass(frozen=True)
class SmoothFieldSettings:
    """Prior and iteration of the remaining displacement.

    Parameters
    ----------
    block_mm
        Distance between knots, about half of the distance over which the displacement varies.
    length_mm
        Distance over which a displacement varies.
    amplitudes_mm
        Standard deviations of a displacement component of which the most probable one is used.
    max_step_mm
        No knot moves farther in one iteration: the linearisation holds over a voxel or two.
    converged_mm
        The iteration ends when no knot moves farther than this.
    """

    block_mm: float = 35.0
    length_mm: float = 65.0
    amplitudes_mm: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
    max_step_mm: float = 4.0
    converged_mm: float = 0.1


class Observer(Protocol):
    """Observations of a displacement at points, linearised about a displacement.

    Attributes
    ----------
    points_mm
        (N, 3) points, world mm of the reference image.
    """

    points_mm: Points

    def observe(self, displacement_mm: Points) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return (N, 3, 3) Hessians per mm^2 and (N, 3) gradients per mm of the negative log-likelihood of each point.

        Parameters
        ----------
        displacement_mm
            (N, 3) displacements of the points, about which the likelihood is expanded.
        """


@dataclass(frozen=True, eq=False)
class FieldBasis:
    """Displacements as linear functions of independent coefficients of variance 1, times an amplitude.

    Parameters
    ----------
    knots_mm
        (K, 3) points.
    length_mm
        Correlation length L.
    from_coefficients
        (3 K, 3 K) matrix from coefficients to the weights of the kernels at the knots: the inverse of the transposed
        Cholesky factor of the knots' covariance.

    Notes
    -----
    The covariance of the displacements at points d apart is
    C(d) = exp(-|d|^2 / 2 L^2) ((2 - |d|^2 / L^2) I + d d' / L^2) / 2, the identity at d = 0: each of its columns is the
    curl of a curl of a Gaussian and has no divergence.
    """

    knots_mm: Points
    length_mm: float
    from_coefficients: NDArray[np.floating]

    def at(self, points_mm: Points) -> NDArray[np.floating]:
        """Return the (3 N, 3 K) matrix from coefficients to displacements in mm at (N, 3) points, x y z of each."""
        return _covariance(points_mm, self.knots_mm, self.length_mm) @ self.from_coefficients

    @cached_property
    def at_knots(self) -> NDArray[np.floating]:
        """The matrix `at` of the knots."""
        return self.at(self.knots_mm)


def field_basis(points_mm: Points, *, settings: SmoothFieldSettings) -> FieldBasis:
    """Return the basis with a knot at the mean of the points in each cube of ``settings.block_mm``.

    Parameters
    ----------
    points_mm
        (N, 3) points spread over the liver, world mm of the reference image.
    settings
        Distances between knots and of correlation.
    """
    index = np.floor((points_mm - points_mm.min(axis=0)) / settings.block_mm).astype(int)
    _, block = np.unique(index, axis=0, return_inverse=True)
    counts = np.bincount(block.ravel())
    knots = np.stack([np.bincount(block.ravel(), weights=column) / counts for column in points_mm.T], axis=1)
    covariance = _covariance(knots, knots, settings.length_mm) + JITTER * np.eye(knots.size)
    factor = np.linalg.inv(np.linalg.cholesky(covariance)).T
    return FieldBasis(knots, settings.length_mm, factor)


@dataclass(frozen=True, eq=False)
class SmoothField:
    """Displacement of the reference image's points before the rigid pose: mean and covariance of its posterior.

    Parameters
    ----------
    basis
        Meaning of the coefficients.
    mean
        (3 K,) coefficients in mm.
    covariance
        (3 K, 3 K) covariance of the coefficients, mm^2.
    amplitude_mm
        The most probable amplitude.
    """

    basis: FieldBasis
    mean: NDArray[np.floating]
    covariance: NDArray[np.floating]
    amplitude_mm: float

    @classmethod
    def zero(cls, basis: FieldBasis) -> "SmoothField":
        """Return the field without displacement and without uncertainty."""
        count = basis.from_coefficients.shape[1]
        return cls(basis, np.zeros(count), np.zeros((count, count)), 0.0)

    def __call__(self, points_mm: Points) -> Points:
        """Return (N, 3) displacements in mm at (N, 3) points."""
        return (self.basis.at(points_mm) @ self.mean).reshape(-1, 3)

    def with_spread(self, points_mm: Points) -> tuple[Points, NDArray[np.floating]]:
        """Return (N, 3) displacements in mm at (N, 3) points, and the (N,) standard deviations of these vectors."""
        rows = self.basis.at(points_mm)
        variances = ((rows @ self.covariance) * rows).sum(axis=1)
        spread = np.sqrt(np.maximum(variances.reshape(-1, 3).sum(axis=1), 0.0))
        return (rows @ self.mean).reshape(-1, 3), spread


@dataclass(frozen=True, eq=False)
class Observed:
    """An observer with the basis at its points, which is computed once."""

    observer: Observer
    rows: NDArray[np.floating]

    @classmethod
    def by(cls, observer: Observer, basis: FieldBasis) -> "Observed":
        """Return an observer with a basis at its points."""
        return cls(observer, basis.at(observer.points_mm))


def improve_field(
    field: SmoothField, observers: Sequence[Observed], *, iterations: int, settings: SmoothFieldSettings
) -> SmoothField:
    """Return the posterior of the field given observations, by Gauss-Newton steps from a field.

    Parameters
    ----------
    field
        Field at which the observations are linearised first. It is an initial value, not a prior.
    observers
        Independent sources of observations.
    iterations
        Largest number of steps; each linearises the observations anew.
    settings
        Amplitudes, and lengths of the steps.

    Notes
    -----
    With A = sum S' H S and b = A c - sum S' g, where S is the basis at an observer's points and c are the present
    coefficients, the posterior mean for the amplitude s is (A + I / s^2)^-1 b, and its log evidence is, up to a
    constant, (b' (A + I / s^2)^-1 b - log det(I + s^2 A)) / 2. One eigendecomposition of A serves all amplitudes.
    """
    for _ in range(iterations):
        factors, b = [], np.zeros_like(field.mean)
        for observed in observers:
            rows = observed.rows
            H, g = observed.observer.observe((rows @ field.mean).reshape(-1, 3))
            factors.append(_factor(H, rows))
            b -= rows.T @ g.ravel()
        factor = np.concatenate(factors)
        A = factor.T @ factor
        found = _posterior(field.basis, A, b + A @ field.mean, settings.amplitudes_mm)
        step = found.mean - field.mean
        moved_mm = float(np.abs(field.basis.at_knots @ step).max())
        field = replace(found, mean=field.mean + step * min(1.0, settings.max_step_mm / max(moved_mm, 1e-12)))
        if moved_mm < settings.converged_mm:
            break
    return field


def _factor(H: NDArray[np.floating], rows: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return (M, 3 K) F with F' F = S' H S, for (N, 3, 3) Hessians and the (3 N, 3 K) basis S at their points.

    Directions in which a point is not observed have no row: a surface observes one direction of three.
    """
    eigenvalues, vectors = np.linalg.eigh(H)
    point, which = np.nonzero(eigenvalues > 1e-10 * eigenvalues.max(initial=0.0))  # the rest is rounding
    directions = vectors[point, :, which] * np.sqrt(eigenvalues[point, which])[:, None]
    at_points = rows.reshape(len(H), 3, -1)
    return np.asarray(sum(directions[:, axis, None] * at_points[point, axis] for axis in range(3)))


def _posterior(
    basis: FieldBasis, A: NDArray[np.floating], b: NDArray[np.floating], amplitudes_mm: Sequence[float]
) -> SmoothField:
    """Return the posterior under the most probable of several amplitudes; for A and b see `improve_field`."""
    eigenvalues, vectors = np.linalg.eigh(A)
    eigenvalues, projected = np.maximum(eigenvalues, 0.0), vectors.T @ b
    precision = 1 / np.square(amplitudes_mm)[:, None] + eigenvalues
    evidence = np.square(projected) / precision - np.log1p(eigenvalues * np.square(amplitudes_mm)[:, None])
    best = int(evidence.sum(axis=1).argmax())
    covariance = (vectors / precision[best]) @ vectors.T
    return SmoothField(basis, vectors @ (projected / precision[best]), covariance, float(amplitudes_mm[best]))


def _covariance(a: Points, b: Points, length_mm: float) -> NDArray[np.floating]:
    """Return the (3 A, 3 B) covariance of the displacements at two sets of points, of amplitude 1."""
    offset = (a[:, None] - b[None]) / length_mm
    squared = np.square(offset).sum(axis=-1)[..., None, None]
    blocks = 0.5 * np.exp(-0.5 * squared) * ((2 - squared) * np.eye(3) + offset[..., :, None] * offset[..., None, :])
    return blocks.transpose(0, 2, 1, 3).reshape(3 * len(a), 3 * len(b))
