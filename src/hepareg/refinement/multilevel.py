"""Rigid refinement from coarse to fine, from several starts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from hepareg.geometry.rotations import rotation_vector
from hepareg.refinement.images.region import FixedRegion
from hepareg.refinement.images.slice_profile import is_thick
from hepareg.refinement.level_objective import LevelObjective
from hepareg.refinement.level_pair import LevelPair, level_pair
from hepareg.refinement.measure import LocalAffineMeasure, Measure
from hepareg.refinement.settings import Level, RefinementSettings
from hepareg.refinement.solvers.normal_equations import ARC_RADIUS_MM
from hepareg.refinement.solvers.solution import Solution, Status
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["LevelResult", "distinct", "refine"]

MAX_WAY_VOX = 1.5
"""The last level moves a pose by no more than this where the blur is free; what goes farther follows something else."""
MAX_UNEXPLAINED = 0.5
"""Where noise is most of what there is to explain, a blur that is free follows the noise."""


@dataclass(frozen=True, eq=False)
class LevelResult:
    """What one level did: its solutions best first, with the objective that judged them."""

    level: Level
    objective: LevelObjective
    solutions: tuple[Solution, ...]


def refine(
    region: FixedRegion,
    moving: Volume,
    starts: Sequence[RigidTransform],
    *,
    settings: RefinementSettings,
    device: torch.device,
    prefer_moving: bool = False,
) -> list[LevelResult]:
    """Refine several starts, keep the best of each level; the last level's first solution is the answer.

    Parameters
    ----------
    region, moving
        The images.
    starts
        moving_from_fixed.
    settings, device
        The levels and the measure, and where the work is done.
    prefer_moving
        See `LevelPair`.

    Returns
    -------
    list of LevelResult
        One for each level that ran; empty where no start brings the images together.
    """
    results: list[LevelResult] = []
    poses = list(starts)
    for number, level in enumerate(settings.levels, start=1):
        if results:
            poses = _next_starts(results[-1], region.centre_mm)
        pair = level_pair(region, moving, poses, level=level, device=device, prefer_moving=prefer_moving)
        if pair is None:
            break
        minimised = _finest if number == len(settings.levels) else _coarse
        results.append(minimised(pair, poses, settings.measure))
    return results


def _coarse(pair: LevelPair, poses: Sequence[RigidTransform], measure: Measure) -> LevelResult:
    objective = pair.objective()
    return LevelResult(pair.level, objective, tuple(objective.minimise(poses, pair.level.solver, measure=measure)))


def _finest(pair: LevelPair, poses: Sequence[RigidTransform], measure: Measure) -> LevelResult:
    """Return the last level, with what would bias its pose taken out.

    Where interpolation would pull the pose, half of its blur is put back, and the answer taken if it can be believed.
    Otherwise the profile of slices that are thick against the other image's is measured, and the level repeated.
    """
    level = pair.level
    if isinstance(measure, LocalAffineMeasure) and pair.is_pulled:
        sharp = pair.objective(sharp=True)
        solutions = sharp.minimise(poses, level.solver)
        if _is_believed(solutions[0], poses, pair.region.centre_mm, tolerance_mm=MAX_WAY_VOX * sharp.voxel_mm):
            return LevelResult(level, sharp, tuple(solutions))
    result = _coarse(pair, poses, measure)
    if not is_thick(pair.template, pair.sampled):
        return result
    found = [solution.transform for solution in result.solutions]
    profiled = result.objective.profiled(found[0])
    return LevelResult(level, profiled, tuple(profiled.minimise(found, level.solver, measure=measure)))


def _is_believed(
    found: Solution, poses: Sequence[RigidTransform], centre_mm: NDArray[np.floating], *, tolerance_mm: float
) -> bool:
    """Return whether a solution with free blur has converged near its start and explains most of the image."""
    if found.status is not Status.CONVERGED or not found.objective <= MAX_UNEXPLAINED:
        return False
    return any(len(distinct([pose, found.transform], centre_mm, tolerance_mm)) == 1 for pose in poses)


def distinct(
    transforms: Sequence[RigidTransform], centre_mm: NDArray[np.floating], tolerance_mm: float
) -> list[RigidTransform]:
    """Return the transforms that differ from all before them by more than a tolerance over a liver-sized region."""
    probe = centre_mm + np.vstack([np.zeros(3), ARC_RADIUS_MM * np.eye(3)])
    placed = np.stack([transform.apply(probe) for transform in transforms])
    kept: list[int] = []
    for number, places in enumerate(placed):
        if (np.linalg.norm(placed[kept] - places, axis=-1).max(axis=-1) > tolerance_mm).all():
            kept.append(number)
    return [transforms[number] for number in kept]


def _next_starts(result: LevelResult, centre_mm: NDArray[np.floating]) -> list[RigidTransform]:
    """Return the best of a level's poses that lie apart, as many as the level keeps."""
    poses = [solution.transform for solution in result.solutions]
    apart = distinct(poses, centre_mm, result.level.spacing_mm / 4)
    return [_settled(pose, centre_mm) for pose in apart[: result.level.keep]]


def _settled(transform: RigidTransform, centre_mm: NDArray[np.floating]) -> RigidTransform:
    """Return a start for the next level, rounded to 0.001 mm and a hundredth of a milliradian.

    What single precision left to chance in a coarse level, which reads far around the liver, does not
    pass on: the finer levels then start from the same digits whether or not the image was cropped.
    """
    turn, shift = rotation_vector(transform.rotation), transform.translation_at(centre_mm)
    return RigidTransform.from_vectors(np.round(turn, 5), np.round(shift, 3), centre_mm=centre_mm)
