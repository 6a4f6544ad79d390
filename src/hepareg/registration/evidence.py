"""What the images themselves say about a result: how well it is determined, and whether another pose fits as well."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.geometry import apply_matrix
from hepareg.refinement.level_objective import LevelObjective
from hepareg.refinement.multilevel import LevelResult
from hepareg.refinement.solvers.gauss_newton import SMALLEST_EIGENVALUE
from hepareg.refinement.solvers.normal_equations import ARC_RADIUS_MM, moved, moved_matrices, pose_part
from hepareg.refinement.solvers.solution import Status
from hepareg.transforms import RigidTransform
from hepareg.transforms.warp import sampler_from_voxel, values_at
from hepareg.voxel_tensor import small_tensor

__all__ = [
    "Evidence",
    "Precision",
    "agreement",
    "decoys",
    "interpolation_pull",
    "inverse_consistency",
    "precision",
    "spread",
    "tissue_share",
]

SOFT_TISSUE_HU = (-20.0, 250.0)
PULL_VOX, SHARP_PULL_VOX = 0.11, 0.06
"""How far along an axis interpolation may pull a pose whose samples all lie alike between two voxels: linear, and with
half of its blur put back (`refine`). On simulated pairs of parallel grids (1.1 x 1.1 x 2.5, 1.5 and 0.9 x 0.9 x 5 mm)
it was 0.09 to 0.11 voxel along the body, where edges are sharpest, and up to 0.14 along the other axes; with half of
the blur put back 0.01 to 0.02 as a rule, and up to 0.06."""
BLOCK_MM = 30.0
"""Edge of the blocks that are taken as independent of one another: about a liver segment."""


@dataclass(frozen=True)
class Evidence:
    """Numbers that speak for or against a result; each can be computed without knowing the truth.

    Parameters
    ----------
    pose_uncertainty_mm
        Expected TRE from the disagreement of the liver's blocks (`evidence.precision`).
    voxel_mm
        Cube root of the voxel volume of the coarser image, at the finest level.
    explained_share
        Share of the fixed image's local variance that the result explains, finest level, 0 to 1.
    explained_share_start
        The same for the best start; where that seems to explain more, as it compares on what both show.
    basin_depth
        How much less a wrong pose 8 mm away explains, as a share of what the result leaves
        unexplained at the middle level: the smallest over twelve directions.
    rival_gap
        How much less the best other optimum explains, likewise; infinite where all starts agree.
    overlap_share
        Share of the liver region that lies inside the moving image.
    displacement_mm
        Mean distance over the liver between the result and the identity.
    dice_after
        Overlap of the two masks after registration, or None where one is missing.
    bend_rms_mm
        Root mean square of the liver's displacement that remains after the best rigid fit; 0 where
        a rigid pose explains the images as well.
    directions_error_mm
        Standard error of the mean of both directions' poses (`both_directions`), or None where one alone was asked.
    inverse_consistency_mm
        How far the search the other way round would move off the result (`evidence.inverse_consistency`).
    agreeing_share
        Share of the starts that lead to the result (`evidence.agreement`).
    liver_ml
        Volume of the smaller mask, or None without any.
    soft_tissue_share
        Share of the fixed mask that shows soft tissue (`evidence.tissue_share`).
    status
        How the finest level ended.
    correction_mm
        Mean distance over the liver by which the refinement would still move the result: 0 where it was refined.
    interpolation_pull_mm
        How far interpolation may have pulled the pose (`evidence.interpolation_pull`).
    flags
        Codes of circumstances: no_liver_mask, mask_cut_by_border, ...
    """

    pose_uncertainty_mm: float
    voxel_mm: float
    explained_share: float
    explained_share_start: float
    basin_depth: float
    rival_gap: float
    overlap_share: float
    displacement_mm: float
    dice_after: float | None
    status: Status
    bend_rms_mm: float = 0.0
    directions_error_mm: float | None = None
    inverse_consistency_mm: float = 0.0
    agreeing_share: float = 1.0
    liver_ml: float | None = None
    soft_tissue_share: float = 1.0
    correction_mm: float = 0.0
    interpolation_pull_mm: float = 0.0
    flags: Sequence[str] = ()

    def numbers(self) -> dict[str, float]:
        """Return the finite numbers by name, as a result reports them."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        numbers = {name: value for name, value in values.items() if isinstance(value, float | int)}
        return {name: float(value) for name, value in numbers.items() if np.isfinite(value)}


@dataclass(frozen=True)
class Precision:
    """How well the images determine a pose.

    Parameters
    ----------
    expected_tre_mm
        Root mean square over the points of the error that follows from the blocks' disagreement.
    weakest_mm
        Standard deviation along the least determined combination of the six parameters.
    num_blocks
        Blocks that took part.
    """

    expected_tre_mm: float
    weakest_mm: float
    num_blocks: int


def precision(objective: LevelObjective, transform: RigidTransform, *, points_mm: Points) -> Precision:
    """Return the sandwich estimate of a pose's covariance, with blocks of the liver as independent witnesses.

    C = H^-1 (sum_b g_b g_b') H^-1 over the blocks' gradients g_b at the solution. Noise, bending and
    neighbours that move otherwise all make the blocks disagree; the residual's size alone knows
    only the noise.

    References
    ----------
    White, H. Maximum likelihood estimation of misspecified models. Econometrica 50, 1982.
    doi:10.2307/1912526
    """
    cells = objective.residual.cell_equations(objective.oriented(transform).matrix[None])
    samples = objective.residual.samples
    gradients = cells.gradient[0].double().cpu().numpy()
    hessian = cells.hessian[0].sum(dim=0).double().cpu().numpy()
    blocks = _block_sums(samples.offsets_mm.mean(dim=1), gradients)
    count = len(blocks)
    if not (np.isfinite(hessian).all() and np.isfinite(gradients).all()):
        return Precision(float("inf"), float("inf"), count)
    E = pose_part(hessian)
    hessian, blocks = E @ hessian @ E.T, blocks @ E.T
    eigenvalues = np.linalg.eigvalsh(hessian)
    if count < 7 or eigenvalues[0] <= SMALLEST_EIGENVALUE * eigenvalues[-1]:
        return Precision(float("inf"), float("inf"), count)
    inverse = np.linalg.inv(hessian)
    covariance = inverse @ (blocks.T @ blocks) @ inverse * count / (count - 6)
    offsets = (
        points_mm - samples.centre_mm if not objective.reversed else transform.apply(points_mm) - samples.centre_mm
    )
    return Precision(
        _root_mean_square_tre(covariance, offsets), float(np.sqrt(np.linalg.eigvalsh(covariance)[-1])), count
    )


def decoys(transform: RigidTransform, centre_mm: NDArray[np.floating], *, distance_mm: float) -> list[RigidTransform]:
    """Return twelve wrong poses, each off by ``distance_mm`` along or about one axis."""
    steps = np.vstack([np.eye(6), -np.eye(6)]) * distance_mm
    return RigidTransform.from_matrices(moved_matrices(transform.matrix, steps, centre_mm))


def inverse_consistency(compared: LevelResult, transform: RigidTransform, points_mm: Points) -> float:
    """Return how far, in mm over the points, the search the other way round would first step off the result.

    The images of one level change roles. Where the two show the same liver in the same place, neither
    direction wants to move; a pose that only one direction likes is a chance fit. Infinite where the
    other direction determines no step.
    """
    turned = compared.objective.turned(transform, level=compared.level)
    pose = turned.oriented(transform)
    if not turned.residual.samples.num_samples:
        return float("inf")
    model = turned.residual(pose.matrix[None])
    hessian, gradient = model.hessian[0], model.gradient[0]
    eigenvalues = np.linalg.eigvalsh(hessian) if np.isfinite(hessian).all() else np.zeros(6)
    if eigenvalues[0] <= SMALLEST_EIGENVALUE * max(eigenvalues[-1], 1e-30):
        return float("inf")
    found = turned.oriented(moved(pose, -np.linalg.solve(hessian, gradient), turned.residual.samples.centre_mm))
    return float(spread([found], transform, points_mm)[0])


def interpolation_pull(objective: LevelObjective, transform: RigidTransform) -> float:
    """Return how far, in mm, interpolation may have pulled a pose.

    Linear interpolation blurs most halfway between two voxels and not at all on one. The other image's blur is matched
    to the average of that, which suits samples that lie anywhere between voxels. On grids that run parallel all of them
    lie alike, and the pose gives way to where the blur is the matched one. `refine` puts half of the blur back there;
    noise, which interpolation averages too, still pulls. No block of the liver disagrees with that; what gives it away
    is how alike the places are.
    """
    largest = SHARP_PULL_VOX if objective.images.sharpness else PULL_VOX
    return float(np.linalg.norm(largest * objective.alike(transform) * objective.images.sampled.grid.spacing_mm))


def agreement(coarsest: LevelResult, transform: RigidTransform, points_mm: Points) -> float:
    """Return the share of all starts that the coarsest level brought to within its spacing of the result."""
    ended = [s.transform for s in coarsest.solutions if s.status is not Status.NO_OVERLAP]
    near = spread(ended, transform, points_mm) <= coarsest.level.spacing_mm if ended else np.zeros(0)
    return float(np.count_nonzero(near)) / len(coarsest.solutions)


def tissue_share(compared: LevelResult, points_mm: Points) -> float:
    """Return the share of points of the fixed liver that show soft tissue, on the fixed image averaged to about 5 mm.

    A mask that has slipped off the liver holds lung, fat or air.
    """
    objective = compared.objective
    fixed = objective.images.sampled if objective.reversed else objective.images.template
    positions = apply_matrix(sampler_from_voxel(fixed.data.shape) @ fixed.grid.voxel_from_world, points_mm)
    places = small_tensor(positions, fixed.data.device, torch.float32)[None, :, None, None]
    values = values_at(fixed.data[None, None], places).flatten().cpu().numpy()
    return float(np.mean((values >= SOFT_TISSUE_HU[0]) & (values <= SOFT_TISSUE_HU[1])))


def _block_sums(offsets: torch.Tensor, gradients: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return (blocks, n) sums of the cells' (N, n) gradients."""
    index = np.floor(offsets.double().cpu().numpy() / BLOCK_MM).astype(int)
    index = index - index.min(axis=0, initial=0)
    _, block = np.unique(np.ravel_multi_index(index.T, index.max(axis=0, initial=0) + 1), return_inverse=True)
    return np.stack([np.bincount(block, weights=column) for column in gradients.T], axis=1)


def _root_mean_square_tre(covariance: NDArray[np.floating], offsets_mm: Points) -> float:
    """Return sqrt(mean over points of trace(J C J')) with J = [-[x]/radius, I], the point's motion per parameter."""
    C_rr, C_rt, C_tt = covariance[:3, :3], covariance[:3, 3:], covariance[3:, 3:]
    moments = offsets_mm.T @ offsets_mm / len(offsets_mm)
    mean = offsets_mm.mean(axis=0)
    # |w x x|^2 averages to trace(C_rr (|x|^2 I - x x')); t . (w x x) to the antisymmetric part of C_rt against x.
    turning = np.trace(C_rr @ (np.trace(moments) * np.eye(3) - moments)) / ARC_RADIUS_MM**2
    mixed = np.array([C_rt[1, 2] - C_rt[2, 1], C_rt[2, 0] - C_rt[0, 2], C_rt[0, 1] - C_rt[1, 0]])
    # E[t . (w x x)] = sum_ijk e_kij E[w_i t_k] x_j
    crossed = -2 * float(mixed @ mean) / ARC_RADIUS_MM
    return float(np.sqrt(max(turning + crossed + np.trace(C_tt), 0.0)))


def spread(transforms: Sequence[RigidTransform], reference: RigidTransform, points_mm: Points) -> NDArray[np.floating]:
    """Return the mean distance over the points of each transform to a reference."""
    matrices = np.stack([t.matrix for t in transforms]) - reference.matrix
    x, y, z = (matrices[:, :3, :3] @ points_mm.T + matrices[:, :3, 3:]).transpose(1, 0, 2)
    return np.sqrt(x * x + y * y + z * z).mean(axis=-1)
