"""The evidence for or against a result: numbers that the images give without knowing the truth."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.evaluation.dice_approximate import dice_approximate
from hepareg.refinement.level import Level
from hepareg.refinement.multilevel import LevelResult, Refinement
from hepareg.refinement.solvers.gauss_newton import SMALLEST_EIGENVALUE
from hepareg.refinement.solvers.normal_equations import apply_step, apply_steps
from hepareg.refinement.solvers.solution import Status
from hepareg.registration.left_by_rigid import LeftByRigid, left_by_rigid
from hepareg.registration.pose_uncertainty import Estimate, mean_distances_mm
from hepareg.registration.problem import Problem
from hepareg.registration.tissue_motion import TissueMotion
from hepareg.registration.witnesses.witnesses import Witnesses, gather_witnesses
from hepareg.transforms import RigidTransform

__all__ = [
    "Evidence",
    "EvidenceSettings",
    "ExplainedShares",
    "agreeing_share",
    "explained_shares",
    "gather_evidence",
    "interpolation_pull_mm",
    "inverse_consistency_mm",
    "soft_tissue_share",
    "wrong_poses",
]


@dataclass(frozen=True)
class EvidenceSettings:
    """Distances, intensities and tolerances with which the evidence is computed.

    Parameters
    ----------
    decoy_mm
        Distance of the wrong poses that the result is compared with: beyond the width of an optimum, within a liver's
        smallest dimension.
    rival_mm
        A solution of another start farther than this from the result is another optimum.
    noise_share
        When two poses are compared, at least this share of a pose's unexplained variance counts as noise, even if more
        than the rest lies outside the searched image.
    tissue_hu
        Intensities of soft tissue, from fat-laden liver to liver and vessels with contrast medium.
    pull_vox, deblurred_pull_vox
        Largest bias of interpolation along an axis of the sampled image if all positions lie alike between two
        voxels; the second with a share of interpolation's blur undone. On simulated pairs of parallel grids
        (1.1 x 1.1 x 2.5, 1.5 and 0.9 x 0.9 x 5 mm) it was 0.09 to 0.11 voxel along the body, where edges are
        sharpest, and up to 0.14 along the other axes; with half of the blur undone 0.01 to 0.02 as a rule, and up to
        0.06.
    """

    decoy_mm: float = 8.0
    rival_mm: float = 4.0
    noise_share: float = 0.1
    tissue_hu: tuple[float, float] = (-20.0, 250.0)
    pull_vox: float = 0.11
    deblurred_pull_vox: float = 0.06


@dataclass(frozen=True, kw_only=True)
class Evidence(Witnesses):
    """Numbers for or against a result, each computed without knowing the truth; those of `Witnesses` among them.

    Parameters
    ----------
    pose_uncertainty_mm
        Expected TRE from the disagreement of the liver's blocks (`pose_uncertainty.pose_uncertainty_mm`).
    voxel_mm
        Cube root of the voxel volume of the coarser image, at the finest level.
    explained_share
        Share of the template's local variance that the result explains, finest level, 0 to 1, higher is better.
    explained_share_start
        The same share for the first start (`explained_shares`).
    basin_depth
        Explained share of the result minus that of a wrong pose 8 mm away, relative to the share that the result leaves
        unexplained at the level compared: the smallest of twelve wrong poses.
    rival_gap
        The same number for the best other optimum instead of a wrong pose; infinite if all starts agree.
    overlap_share
        Share of the liver region that lies inside the searched image.
    displacement_mm
        Mean distance over the liver between the result and the identity.
    dice_after
        Overlap of the two masks after registration, or None if one is missing.
    status
        Status of the solver on the finest level.
    tissue_mean_mm, tissue_p95_mm
        Mean, and 95th percentile, over the liver of the estimated distance between the place to which the refined pose
        sends liver tissue and the tissue's true place (`tissue_motion`).
    rigid_fit_distance_mm
        Mean distance over the liver between the refined pose and the best rigid fit of the tissue's motion.
    left_mean_mm, left_p95_mm, left_max_mm
        Mean, 95th percentile and maximum of the estimated distance that the best rigid fit leaves: what no rigid
        transform can follow.
    tissue_gain
        Share of the variance that the refined pose leaves unexplained at the finest level, and that the estimated
        motion of the tissue explains.
    surface_rms_mm
        Root mean square distance of the two masks' surfaces at the refined pose, or None if a mask is missing.
    directions_error_mm
        Standard error of the mean of both directions' poses (`both_directions`), or None if only one was searched.
    inverse_consistency_mm
        Length of the first step with the images exchanged (`inverse_consistency_mm`).
    agreeing_share
        Share of the starts that lead to the result (`agreeing_share`).
    liver_ml
        Volume of the smaller mask, or None without any.
    soft_tissue_share
        Share of the liver's points that show soft tissue (`soft_tissue_share`).
    correction_mm
        Mean distance over the liver between the result and the refinement's pose: 0 if the result was refined.
    interpolation_pull_mm
        Largest bias of the pose by interpolation (`interpolation_pull_mm`).
    left_by_rigid
        What no rigid transform can follow, and where; None if it is not known.
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
    tissue_mean_mm: float = 0.0
    tissue_p95_mm: float = 0.0
    rigid_fit_distance_mm: float = 0.0
    left_mean_mm: float = 0.0
    left_p95_mm: float = 0.0
    left_max_mm: float = 0.0
    tissue_gain: float = 0.0
    surface_rms_mm: float | None = None
    directions_error_mm: float | None = None
    inverse_consistency_mm: float = 0.0
    agreeing_share: float = 1.0
    liver_ml: float | None = None
    soft_tissue_share: float = 1.0
    correction_mm: float = 0.0
    interpolation_pull_mm: float = 0.0
    left_by_rigid: LeftByRigid | None = None
    flags: Sequence[str] = ()

    def numbers(self) -> dict[str, float]:
        """Return the finite numbers by name, as a result reports them."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        numbers = {name: value for name, value in values.items() if isinstance(value, float | int)}
        return {name: float(value) for name, value in numbers.items() if np.isfinite(value)}


@dataclass(frozen=True)
class ExplainedShares:
    """Shares of the template's local variance, 0 to 1, that three poses explain at the finest level."""

    identity: float
    start: float
    result: float


def gather_evidence(
    problem: Problem,
    refinement: Refinement,
    estimate: Estimate,
    motion: TissueMotion,
    *,
    result: RigidTransform,
    shares: ExplainedShares,
    settings: EvidenceSettings,
) -> Evidence:
    """Return the evidence on a result.

    Parameters
    ----------
    problem, refinement
        The images, and the levels of the refinement.
    estimate
        The refinement's pose after its corrections.
    motion
        Estimated motion of the liver's tissue.
    result
        The pose to be judged, searched_from_reference: that of the estimate, or a network's prediction.
    shares
        The shares that the result and its start explain.
    settings
        Distances and tolerances.
    """
    points_mm, finest, compared = problem.points_mm, refinement.finest.level, refinement.compared
    # Whether an optimum of the images is distinct is asked at that optimum, even if the masks' surfaces moved the pose.
    optimum = refinement.pose if estimate.by_surfaces else result
    wrong = wrong_poses(optimum, problem.region.centre_mm, distance_mm=settings.decoy_mm)
    flags = [*problem.flags, *(["surfaces_decide"] if estimate.by_surfaces else [])]
    if not refinement.is_complete:
        flags.append("finest_level_not_reached")
    at_optimum = refinement.pose if estimate.by_surfaces else estimate.transform
    left = left_by_rigid(motion, result, direction=problem.direction)
    return Evidence(
        **vars(gather_witnesses(problem, compared.level, estimate.transform, optimum=at_optimum)),
        pose_uncertainty_mm=estimate.uncertainty_mm,
        voxel_mm=finest.images.voxel_mm,
        explained_share=shares.result,
        explained_share_start=shares.start,
        basin_depth=_lead(compared.level, optimum, wrong, settings=settings),
        rival_gap=_rival_gap(compared, optimum, points_mm, settings=settings),
        overlap_share=float(finest.residual(finest.sampled_from_template([result])).overlap[0]),
        displacement_mm=float(mean_distances_mm([RigidTransform.identity()], result, points_mm)[0]),
        dice_after=_dice(problem, result),
        status=refinement.status,
        **_tissue(motion, estimate.transform),
        left_mean_mm=left.mean_mm,
        left_p95_mm=left.p95_mm,
        left_max_mm=left.max_mm,
        directions_error_mm=estimate.directions_error_mm,
        inverse_consistency_mm=inverse_consistency_mm(compared.level, optimum, points_mm),
        agreeing_share=agreeing_share(refinement.coarsest, result, points_mm),
        liver_ml=problem.liver_ml,
        soft_tissue_share=soft_tissue_share(compared.level, points_mm, tissue_hu=settings.tissue_hu),
        correction_mm=float(mean_distances_mm([estimate.transform], result, points_mm)[0]),
        interpolation_pull_mm=interpolation_pull_mm(finest, result, settings=settings),
        left_by_rigid=left,
        flags=tuple(flags),
    )


def explained_shares(level: Level, *, result: RigidTransform, start: RigidTransform) -> ExplainedShares:
    """Return the shares that the identity, a start and the result explain at a level.

    A whole slice of the liver at the image's border may enter or leave the searched image within a tenth of a
    millimetre. So if the start seems to explain more than the result, both are compared on the voxels that lie
    inside the searched image under both poses.
    """
    identity, at_start = (1 - level.unexplained([RigidTransform.identity(), start])[0]).tolist()
    at_result = 1 - float(level.residual(level.sampled_from_template([result])).objective[0])
    if at_start > at_result:
        here, there = level.residual.unexplained_in_view(level.sampled_from_template([result, start]))
        at_start = at_result + float(here - there) if np.isfinite(here - there) else at_start
    return ExplainedShares(identity, at_start, at_result)


def wrong_poses(
    transform: RigidTransform, centre_mm: NDArray[np.floating], *, distance_mm: float
) -> list[RigidTransform]:
    """Return twelve wrong poses, each off by ``distance_mm`` along or about one axis."""
    steps = np.vstack([np.eye(6), -np.eye(6)]) * distance_mm
    return RigidTransform.from_matrices(apply_steps(transform.matrix, steps, centre_mm))


def inverse_consistency_mm(level: Level, transform: RigidTransform, points_mm: Points) -> float:
    """Return how far, in mm, one Gauss-Newton step with the images exchanged moves the liver away from a pose.

    Template and sampled image change places, the liver's mask is carried over by the pose, and one step is taken from
    the inverse of the pose. The result is the mean distance, over the points, between the pose and the inverse of the
    pose after that step. It is near 0 if both directions have their optimum at the pose; a pose that is an optimum of
    one direction alone fits by chance. It is infinite if the exchanged images do not determine a step: no voxel of the
    liver in the image, or a Hessian that is singular to `SMALLEST_EIGENVALUE`. This is not the round trip of two whole
    registrations that is also called inverse consistency.

    Parameters
    ----------
    level
        The finest level.
    transform
        The pose, searched_from_reference.
    points_mm
        (N, 3) points over the liver, world mm of the reference image.
    """
    exchanged = level.exchange(transform)
    pose = exchanged.direction.to_solver(transform)
    if not exchanged.images.cells.num_voxels:
        return float("inf")
    model = exchanged.residual(pose.matrix[None])
    hessian, gradient = model.hessian[0], model.gradient[0]
    eigenvalues = np.linalg.eigvalsh(hessian) if np.isfinite(hessian).all() else np.zeros(6)
    if eigenvalues[0] <= SMALLEST_EIGENVALUE * max(eigenvalues[-1], 1e-30):
        return float("inf")
    stepped = apply_step(pose, -np.linalg.solve(hessian, gradient), exchanged.images.centre_mm)
    return float(mean_distances_mm([exchanged.direction.to_user(stepped)], transform, points_mm)[0])


def interpolation_pull_mm(level: Level, transform: RigidTransform, *, settings: EvidenceSettings) -> float:
    """Return the largest bias of a pose by interpolation, in mm.

    It is the root of the sum, over the three axes a of the sampled image, of (p C_a s_a)^2. p is
    ``settings.deblurred_pull_vox`` if the level undoes a share of interpolation's blur, else ``settings.pull_vox``; C_a
    is the coherence of the positions, 0 to 1 (`Level.position_coherence`); s_a is the spacing in mm.

    Linear interpolation blurs most halfway between two voxels and not at all on one. The template's blur is matched
    to the average over all positions, which is right if the positions are spread evenly between voxels (C_a = 0). On
    parallel grids of one spacing all voxels lie at the same position between voxels (C_a = 1). The pose then drifts to
    the position at which interpolation blurs exactly as much as the average. If the level undoes a share of the blur,
    a smaller bias is left, because interpolation also averages noise, more at some positions than at others. The
    liver's blocks cannot show this bias by disagreeing, because it is the same in all of them.

    Parameters
    ----------
    level
        The finest level.
    transform
        The pose, searched_from_reference.
    settings
        The largest bias in voxels.
    """
    largest = settings.deblurred_pull_vox if level.images.is_deblurred else settings.pull_vox
    coherence = level.position_coherence(transform)
    return float(np.linalg.norm(largest * coherence * level.images.sampled.grid.spacing_mm))


def agreeing_share(coarsest: LevelResult, transform: RigidTransform, points_mm: Points) -> float:
    """Return the share of all starts that the coarsest level brought to within its spacing of a pose."""
    ended = [s.transform for s in coarsest.solutions if s.status is not Status.NO_OVERLAP]
    spacing_mm = coarsest.level.settings.spacing_mm
    near = mean_distances_mm(ended, transform, points_mm) <= spacing_mm if ended else np.zeros(0)
    return float(np.count_nonzero(near)) / len(coarsest.solutions)


def soft_tissue_share(level: Level, points_mm: Points, *, tissue_hu: tuple[float, float]) -> float:
    """Return the share of the liver's points that show soft tissue in the reference image of a level.

    A mask that has slipped off the liver holds lung, fat or air.
    """
    image = level.reference
    values = image.values_at(image.sampler_positions(points_mm))
    return float(np.mean((values >= tissue_hu[0]) & (values <= tissue_hu[1])))


def _tissue(motion: TissueMotion, pose: RigidTransform) -> dict[str, Any]:
    """Return the evidence on the motion of the tissue: how far it, and its best rigid fit, lie from a pose."""
    at_pose = motion.distance_mm(pose)
    return {
        "tissue_mean_mm": float(at_pose.mean()),
        "tissue_p95_mm": float(np.percentile(at_pose, 95)),
        "rigid_fit_distance_mm": float(mean_distances_mm([pose], motion.rigid, motion.points_mm)[0]),
        "tissue_gain": motion.gain,
        "surface_rms_mm": motion.surface_rms_mm,
    }


def _dice(problem: Problem, result: RigidTransform) -> float | None:
    if problem.searched_mask is None or problem.reference_mask is None:
        return None
    return dice_approximate(
        moving_mask=problem.searched_mask, fixed_mask=problem.reference_mask, moving_from_fixed=result
    )


def _rival_gap(
    compared: LevelResult, transform: RigidTransform, points_mm: Points, *, settings: EvidenceSettings
) -> float:
    """Return the lead (`_lead`) of a pose over the best other optimum of a level; infinite without another optimum."""
    found = [s for s in compared.solutions if s.status is not Status.NO_OVERLAP]
    apart = mean_distances_mm([s.transform for s in found], transform, points_mm) if found else np.zeros(0)
    rivals = [s.transform for s, distance in zip(found, apart, strict=True) if distance > settings.rival_mm]
    return _lead(compared.level, transform, rivals, settings=settings) if rivals else float("inf")


def _lead(
    level: Level, transform: RigidTransform, others: Sequence[RigidTransform], *, settings: EvidenceSettings
) -> float:
    """Return the lead of a pose over the best of other poses, relative to the pose's unexplained variance.

    With the unexplained shares u of the pose and u_k of the others, and the share o of the liver's weight that the pose
    takes outside the searched image: (min u_k - u) / max(u - o, ``settings.noise_share`` u). Positive if the pose
    explains more than all others. Subtracting o keeps a liver that is partly out of view from shrinking the lead.
    """
    unexplained, overlaps = level.unexplained([transform, *others])
    (here, *elsewhere), outside = unexplained, 1 - float(overlaps[0])
    return float((min(elsewhere) - here) / max(here - outside, settings.noise_share * here, 1e-6))
