"""How a liver bends: a smooth residual displacement, estimated together with the rigid pose.

A liver that bends has no pose at which everything fits; the optimum of a similarity measure is then
where most edges fit, not the best rigid fit of the whole organ. Here the displacement that remains
after a rigid pose is estimated block by block with a smooth prior, and the rigid pose is the
least-squares fit of the whole motion over the liver's volume.

References
----------
Rasmussen, C. E. and Williams, C. K. I. Gaussian Processes for Machine Learning. MIT Press, 2006,
section 2.2 (posterior mean of a smooth function with a Gaussian prior).
Kabsch, W. A solution for the best rotation to relate two sets of vectors. Acta Cryst. A32, 1976.
doi:10.1107/S0567739476001873
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from hepareg.arrays import Points
from hepareg.geometry.rotations import homogeneous, nearest_rotation
from hepareg.optimisation.local_affine import LocalAffine
from hepareg.transforms import RigidTransform

__all__ = ["BendSettings", "SmoothField", "displaced", "estimate_bend", "rigid_fit"]


@dataclass(frozen=True)
class BendSettings:
    """Prior and iteration of the residual displacement.

    Parameters
    ----------
    block_mm
        Edge of the blocks that carry one displacement each.
    amplitude_mm, length_mm
        Standard deviation of a displacement component, and the distance over which it varies.
    noise_factor
        How many neighbouring voxels' residuals count as one independent observation.
    iterations
        Relinearisations.
    """

    block_mm: float = 25.0
    amplitude_mm: float = 4.0
    length_mm: float = 60.0
    noise_factor: float = 8.0
    iterations: int = 6


@dataclass(frozen=True, eq=False)
class SmoothField:
    """Displacement of fixed points before the rigid pose: posterior mean of a Gaussian process.

    Parameters
    ----------
    knots_mm
        (K, 3) block centres, world mm of the template.
    weights_mm
        (K, 3) coefficients: u(x) = sum_k exp(-|x - knot_k|^2 / (2 length^2)) weight_k.
    length_mm
        Correlation length.
    """

    knots_mm: Points
    weights_mm: NDArray[np.floating]
    length_mm: float

    def __call__(self, points_mm: Points) -> Points:
        """Return (N, 3) displacements in mm at (N, 3) points."""
        return _kernel(points_mm, self.knots_mm, self.length_mm) @ self.weights_mm


def estimate_bend(
    residual: LocalAffine, pose: RigidTransform, *, settings: BendSettings, field: SmoothField | None = None
) -> SmoothField:
    """Return the smooth displacement that, applied before ``pose``, explains the images best.

    Parameters
    ----------
    residual
        The level's residual; its cells are displaced as a whole.
    pose
        The pose that stays fixed here, sampled_from_template.
    field
        Where to start from, such as the result of a coarser level.
    """
    centres = _cell_centres(residual)
    index = np.floor((centres - centres.min(axis=0)) / settings.block_mm).astype(int)
    _, block = np.unique(index, axis=0, return_inverse=True)
    block = block.ravel()
    counts = np.bincount(block)
    knots = np.stack([np.bincount(block, weights=c) / counts for c in centres.T], axis=1)
    prior = settings.amplitude_mm**2 * _kernel(knots, knots, settings.length_mm)
    inverse_prior = np.linalg.inv(prior + 1e-6 * settings.amplitude_mm**2 * np.eye(len(knots)))
    displacement = np.zeros_like(knots) if field is None else field(knots)
    for _ in range(settings.iterations):
        current = _field(knots, displacement, prior, settings)
        cells = displaced(residual, current).cell_equations(pose.matrix[None])
        noise = settings.noise_factor * cells.residual_variance
        H = _summed(cells.hessian[0][:, 3:, 3:].double().cpu().numpy(), block, len(knots)) / noise
        g = _summed(cells.gradient[0][:, 3:].double().cpu().numpy(), block, len(knots)) / noise
        displacement = displacement + _posterior_step(H, g, displacement, inverse_prior)
    return _field(knots, displacement, prior, settings)


def displaced(residual: LocalAffine, field: SmoothField) -> LocalAffine:
    """Return the residual with every cell moved, as a whole, by the field."""
    offsets = residual.samples.offsets_mm
    shift = torch.as_tensor(field(_cell_centres(residual)), device=offsets.device).to(offsets.dtype)
    return residual.on(replace(residual.samples, offsets_mm=offsets + shift[:, None]))


def rigid_fit(points_mm: Points, targets_mm: Points) -> RigidTransform:
    """Return the rigid transform that takes (N, 3) points to their targets with the least sum of squares."""
    a, b = points_mm.mean(axis=0), targets_mm.mean(axis=0)
    R = nearest_rotation((targets_mm - b).T @ (points_mm - a))
    return RigidTransform(homogeneous(R, b - R @ a))


def _cell_centres(residual: LocalAffine) -> Points:
    samples = residual.samples
    return samples.offsets_mm.mean(dim=1).double().cpu().numpy() + samples.centre_mm


def _kernel(a: Points, b: Points, length_mm: float) -> NDArray[np.floating]:
    return np.exp(-0.5 * (cdist(a, b) / length_mm) ** 2)


def _field(
    knots: Points, displacement: NDArray[np.floating], prior: NDArray[np.floating], settings: BendSettings
) -> SmoothField:
    scale = settings.amplitude_mm**2
    weights = np.linalg.solve(prior / scale + 1e-6 * np.eye(len(knots)), displacement)
    return SmoothField(knots, weights, settings.length_mm)


def _summed(cells: NDArray[np.floating], block: NDArray[np.int_], count: int) -> NDArray[np.floating]:
    total = np.zeros((count, *cells.shape[1:]))
    np.add.at(total, block, cells)
    return total


def _posterior_step(
    H: NDArray[np.floating], g: NDArray[np.floating], current: NDArray[np.floating], inverse_prior: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return the Gauss-Newton step of sum_b (u' H_b u / 2 + g_b u) + u' K^-1 u / 2 over all blocks, (K, 3)."""
    count = len(H)
    system = np.zeros((count, 3, count, 3))
    system[np.arange(count), :, np.arange(count), :] = H
    for axis in range(3):
        system[:, axis, :, axis] += inverse_prior
    right = -(g + inverse_prior @ current)
    return np.linalg.solve(system.reshape(3 * count, 3 * count), right.ravel()).reshape(count, 3)
