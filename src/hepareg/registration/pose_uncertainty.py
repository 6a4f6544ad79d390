"""The uncertainty of a pose: the error to expect from the disagreement of the liver's parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.refinement.images.template_cells import sum_by_block
from hepareg.refinement.level import Level
from hepareg.refinement.solvers.gauss_newton import SMALLEST_EIGENVALUE
from hepareg.refinement.solvers.normal_equations import ARC_RADIUS_MM, pose_part
from hepareg.transforms import RigidTransform

__all__ = [
    "Estimate",
    "UncertaintySettings",
    "estimate_pose",
    "mean_distances_mm",
    "pose_uncertainty_mm",
    "root_mean_square_tre",
]


@dataclass(frozen=True)
class UncertaintySettings:
    """The blocks into which the liver is cut.

    Parameters
    ----------
    block_mm
        Edge of the blocks, which are taken as independent of one another: about a liver segment.
    min_blocks
        Fewer blocks determine no covariance of six parameters.
    """

    block_mm: float = 30.0
    min_blocks: int = 7


@dataclass(frozen=True)
class Estimate:
    """A pose with the errors that the images imply.

    Parameters
    ----------
    transform
        The pose, searched_from_reference.
    uncertainty_mm
        Expected error from the disagreement of the liver's blocks (`pose_uncertainty_mm`).
    by_surfaces
        Whether the surfaces of the masks moved the pose away from an optimum of the images.
    directions_error_mm
        Standard error from the distance between the poses of both directions, if both were searched.
    """

    transform: RigidTransform
    uncertainty_mm: float
    directions_error_mm: float | None = None
    by_surfaces: bool = False


def estimate_pose(
    level: Level, transform: RigidTransform, *, points_mm: Points, settings: UncertaintySettings
) -> Estimate:
    """Return a pose with its uncertainty; for the parameters see `pose_uncertainty_mm`."""
    return Estimate(transform, pose_uncertainty_mm(level, transform, points_mm=points_mm, settings=settings))


def pose_uncertainty_mm(
    level: Level, transform: RigidTransform, *, points_mm: Points, settings: UncertaintySettings
) -> float:
    """Return the root mean square over points, in mm, of the error that the disagreement of the liver's blocks implies.

    The covariance of the pose is the sandwich estimate with blocks of the liver as independent observations:
    C = H^-1 (sum_b g_b g_b') H^-1 over the blocks' gradients g_b at the solution. Noise, bending and
    neighbours that move differently all make the blocks disagree; the size of the residual reflects the noise alone.

    Parameters
    ----------
    level
        The finest level.
    transform
        The pose, searched_from_reference.
    points_mm
        (N, 3) points over the liver, world mm of the reference image.
    settings
        The blocks.

    Returns
    -------
    float
        Infinite if the images do not determine the pose.

    References
    ----------
    White, H. Maximum likelihood estimation of misspecified models. Econometrica 50, 1982.
    doi:10.2307/1912526
    """
    equations = level.residual.cell_equations(level.sampled_from_template([transform]))
    cells = level.images.cells
    gradients = equations.gradient[0].double().cpu().numpy()
    hessian = equations.hessian[0].sum(dim=0).double().cpu().numpy()
    blocks = sum_by_block(gradients, cells.blocks(settings.block_mm))
    count = len(blocks)
    if not (np.isfinite(hessian).all() and np.isfinite(gradients).all()):
        return float("inf")
    E = pose_part(hessian)
    hessian, blocks = E @ hessian @ E.T, blocks @ E.T
    eigenvalues = np.linalg.eigvalsh(hessian)
    if count < settings.min_blocks or eigenvalues[0] <= SMALLEST_EIGENVALUE * eigenvalues[-1]:
        return float("inf")
    inverse = np.linalg.inv(hessian)
    covariance = inverse @ (blocks.T @ blocks) @ inverse * count / (count - 6)
    return root_mean_square_tre(covariance, level.direction.carry(points_mm, transform) - cells.centre_mm)


def mean_distances_mm(
    transforms: Sequence[RigidTransform], reference: RigidTransform, points_mm: Points
) -> NDArray[np.floating]:
    """Return the mean distance over points, in mm, between each transform and a reference transform."""
    matrices = np.stack([t.matrix for t in transforms]) - reference.matrix
    x, y, z = (matrices[:, :3, :3] @ points_mm.T + matrices[:, :3, 3:]).transpose(1, 0, 2)
    return np.sqrt(x * x + y * y + z * z).mean(axis=-1)


def root_mean_square_tre(covariance: NDArray[np.floating], offsets_mm: Points) -> float:
    """Return the root mean square over points, in mm, of the error that a pose's covariance implies.

    sqrt(mean over points of trace(J C J')) with J = [-[x]/radius, I], the point's motion per parameter.

    Parameters
    ----------
    covariance
        (6, 6) mm^2, of the parameters of `refinement.solvers.normal_equations`.
    offsets_mm
        (N, 3) points minus the centre of rotation.
    """
    C_rr, C_rt, C_tt = covariance[:3, :3], covariance[:3, 3:], covariance[3:, 3:]
    moments = offsets_mm.T @ offsets_mm / len(offsets_mm)
    mean = offsets_mm.mean(axis=0)
    # |w x x|^2 averages to trace(C_rr (|x|^2 I - x x')); t . (w x x) to the antisymmetric part of C_rt against x.
    turning = np.trace(C_rr @ (np.trace(moments) * np.eye(3) - moments)) / ARC_RADIUS_MM**2
    mixed = np.array([C_rt[1, 2] - C_rt[2, 1], C_rt[2, 0] - C_rt[0, 2], C_rt[0, 1] - C_rt[1, 0]])
    # E[t . (w x x)] = sum_ijk e_kij E[w_i t_k] x_j
    crossed = -2 * float(mixed @ mean) / ARC_RADIUS_MM
    return float(np.sqrt(max(turning + crossed + np.trace(C_tt), 0.0)))
