"""Rigid refinement from coarse to fine, from several starts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepareg.geometry.rotations import rotation_vector
from hepareg.refinement.averaged_pair import AveragedPair, average_pair, choose_direction
from hepareg.refinement.direction import Direction
from hepareg.refinement.images.region import Region
from hepareg.refinement.level import Level
from hepareg.refinement.settings import RefinementSettings
from hepareg.refinement.slice_profile import has_thicker_slices
from hepareg.refinement.solvers.normal_equations import ARC_RADIUS_MM
from hepareg.refinement.solvers.solution import Solution, Status
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["LevelResult", "Refinement", "keep_distinct", "refine"]


@dataclass(frozen=True, eq=False)
class LevelResult:
    """A level and its solutions, searched_from_reference, lowest objective first."""

    level: Level
    solutions: tuple[Solution, ...]

    @property
    def best(self) -> Solution:
        """Solution with the lowest objective."""
        return self.solutions[0]


@dataclass(frozen=True, eq=False)
class Refinement:
    """The levels of a refinement with their solutions.

    Parameters
    ----------
    results
        Results of the levels that ran, at least one, coarse to fine.
    is_complete
        Whether all levels ran: a level cannot if no start brings the images together.
    """

    results: tuple[LevelResult, ...]
    is_complete: bool

    @property
    def coarsest(self) -> LevelResult:
        """The level on which every start was tried."""
        return self.results[0]

    @property
    def compared(self) -> LevelResult:
        """The level on which the best few poses were compared: the second, or the only one."""
        return self.results[min(1, len(self.results) - 1)]

    @property
    def finest(self) -> LevelResult:
        """The last level that ran."""
        return self.results[-1]

    @property
    def pose(self) -> RigidTransform:
        """Best pose of the finest level, searched_from_reference."""
        return self.finest.best.transform

    @property
    def status(self) -> Status:
        """Status of the best solution of the finest level."""
        return self.finest.best.status

    @property
    def history(self) -> tuple[Solution, ...]:
        """Best solution of each level, coarse to fine."""
        return tuple(result.best for result in self.results)


def refine(
    region: Region,
    searched: Volume,
    starts: Sequence[RigidTransform],
    *,
    when_alike: Direction,
    settings: RefinementSettings,
) -> Refinement | None:
    """Refine several starts level by level and keep the best poses of each level for the next.

    Parameters
    ----------
    region, searched
        The liver in the reference image, and the image in which it is searched for.
    starts
        searched_from_reference.
    when_alike
        The image that is the template if neither has thicker slices (`choose_direction`).
    settings
        The levels, and the settings that they share.

    Returns
    -------
    Refinement or None
        None if no start brings the images together.
    """
    results: list[LevelResult] = []
    poses = list(starts)
    for level in settings.levels:
        direction = Direction()  # the reference image is the template as long as several poses are compared
        if results:
            poses = _next_starts(results[-1], region.centre_mm)
        if len(poses) == 1:
            direction = choose_direction(
                region.image, searched, when_alike=when_alike, spacing_mm=level.spacing_mm, settings=settings.template
            )
        pair = average_pair(region, searched, poses, direction=direction, settings=level, refinement=settings)
        if pair is None:
            break
        is_last = len(results) + 1 == len(settings.levels)
        results.append(_solve_finest(pair, poses) if is_last else _solve(pair.level(), poses))
    return Refinement(tuple(results), len(results) == len(settings.levels)) if results else None


def _solve(level: Level, poses: Sequence[RigidTransform]) -> LevelResult:
    return LevelResult(level, tuple(level.minimise(poses)))


def _solve_finest(pair: AveragedPair, poses: Sequence[RigidTransform]) -> LevelResult:
    """Solve the last level, and correct it for one bias of the pose: that of interpolation or that of slice profiles.

    1. If linear interpolation would bias the pose (`AveragedPair.is_biased_by_interpolation`), solve with a share of
       interpolation's blur undone and with three free blurs. If the best solution is credible (`_is_credible`), return
       this result. If not, it is dropped.
    2. Solve without undoing blur and without free blurs. If the template's slices are not thicker than the sampled
       image's (`has_thicker_slices`), return this result.
    3. Blur the sampled image to the template's slice profile, measured at the best pose of step 2, solve again from all
       solutions of step 2, and return that result.

    Parameters
    ----------
    pair
        Both images averaged to the level's spacing, not yet brought to one sharpness.
    poses
        Starts of steps 1 and 2, searched_from_reference.

    Returns
    -------
    LevelResult
        Level with the images as they were last solved, and its solutions, lowest objective first.
    """
    shared = pair.refinement
    if pair.is_biased_by_interpolation:
        deblurred = _solve(pair.level(deblur=shared.interpolation.deblur), poses)
        if _is_credible(deblurred, poses, pair.region.centre_mm):
            return deblurred
    result = _solve(pair.level(), poses)
    if not has_thicker_slices(pair.template, pair.sampled, settings=shared.slice_profile):
        return result
    return _solve(
        result.level.match_slice_profile(result.best.transform), [solution.transform for solution in result.solutions]
    )


def _is_credible(result: LevelResult, starts: Sequence[RigidTransform], centre_mm: NDArray[np.floating]) -> bool:
    """Return whether the best solution has converged, explains enough of the template, and lies near a start.

    The limits are those of `InterpolationSettings`.
    """
    found, limits = result.best, result.level.refinement.interpolation
    if found.status is not Status.CONVERGED or not found.objective <= limits.max_unexplained:
        return False
    tolerance_mm = limits.max_way_vox * result.level.images.voxel_mm
    return any(len(keep_distinct([start, found.transform], centre_mm, tolerance_mm)) == 1 for start in starts)


def keep_distinct(
    transforms: Sequence[RigidTransform], centre_mm: NDArray[np.floating], tolerance_mm: float
) -> list[RigidTransform]:
    """Return the transforms that differ from all kept before them by more than a tolerance in mm.

    The difference of two transforms is the largest distance between their images of four points: the centre, and one
    point `ARC_RADIUS_MM` from it along each world axis.
    """
    probe = centre_mm + np.vstack([np.zeros(3), ARC_RADIUS_MM * np.eye(3)])
    placed = np.stack([transform.apply(probe) for transform in transforms])
    kept: list[int] = []
    for number, places in enumerate(placed):
        if (np.linalg.norm(placed[kept] - places, axis=-1).max(axis=-1) > tolerance_mm).all():
            kept.append(number)
    return [transforms[number] for number in kept]


def _next_starts(result: LevelResult, centre_mm: NDArray[np.floating]) -> list[RigidTransform]:
    """Return up to ``level.settings.keep`` best poses of a level that differ from each other (`keep_distinct`)."""
    poses = [solution.transform for solution in result.solutions]
    level = result.level
    apart = keep_distinct(poses, centre_mm, level.refinement.template.distinct_spacings * level.settings.spacing_mm)
    return [_rounded(pose, centre_mm) for pose in apart[: level.settings.keep]]


def _rounded(transform: RigidTransform, centre_mm: NDArray[np.floating]) -> RigidTransform:
    """Return a start for the next level, rounded to 0.001 mm and a hundredth of a milliradian.

    A coarse level reads far around the liver, so that its last digits depend on whether the image was cropped.
    Rounding keeps these digits from the finer levels.
    """
    turn, shift = rotation_vector(transform.rotation), transform.translation_at(centre_mm)
    return RigidTransform.from_vectors(np.round(turn, 5), np.round(shift, 3), centre_mm=centre_mm)
