"""Rigid refinement from coarse to fine, from several starts."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from hepareg.geometry.boxes import box_around_points
from hepareg.optimisation.block_average import GridImage, block_average, block_factors
from hepareg.optimisation.gauss_newton import GaussNewtonSettings, gauss_newton
from hepareg.optimisation.local_affine import LocalAffine
from hepareg.optimisation.samples import cell_samples, moving_features
from hepareg.optimisation.solution import Solution
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["FixedRegion", "Level", "LevelResult", "RefinementSettings", "build_objective", "refine"]


@dataclass(frozen=True)
class Level:
    """One resolution of the refinement.

    Parameters
    ----------
    spacing_mm
        Images are block-averaged to about this spacing, never interpolated to it.
    margin_mm
        Voxels up to this far outside the mask take part.
    cell_vox
        Edge of the cells in which intensities are related, in voxels of the level.
    max_samples
        Voxels that take part at most.
    keep
        Number of best solutions that go on to the next level.
    solver
        Iteration limits.
    """

    spacing_mm: float
    margin_mm: float
    cell_vox: int
    max_samples: int
    keep: int
    solver: GaussNewtonSettings


@dataclass(frozen=True)
class RefinementSettings:
    """The levels, coarse to fine, and the intensity window in HU."""

    levels: tuple[Level, ...] = field(
        default=(
            Level(10.0, 10.0, 3, 30_000, 4, GaussNewtonSettings(10, 0.3, 15.0)),
            Level(5.0, 7.5, 4, 60_000, 1, GaussNewtonSettings(8, 0.1, 8.0)),
            Level(1.5, 5.0, 3, 110_000, 1, GaussNewtonSettings(8, 0.005, 3.0)),
        )
    )
    window_hu: tuple[float, float] = (-200.0, 300.0)


@dataclass(frozen=True, eq=False)
class FixedRegion:
    """Fixed image cropped to the region of interest, the distance to its mask, and the rotation centre."""

    image: Volume
    distance: GridImage
    centre_mm: NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class LevelResult:
    """What one level did: its solutions best first, with the objective that judged them."""

    level: Level
    objective: LocalAffine
    solutions: tuple[Solution, ...]


def build_objective(
    region: FixedRegion,
    moving: Volume,
    poses: Sequence[RigidTransform],
    *,
    level: Level,
    window_hu: tuple[float, float],
    device: torch.device,
) -> LocalAffine | None:
    """Return a level's objective over what of the moving image the poses can reach, or None if they reach nothing."""
    reach = np.concatenate([pose.apply(region.image.grid.corners_mm) for pose in poses])
    box = box_around_points(moving.grid, reach, margin_mm=4 * level.spacing_mm, margin_vox=2)
    if box is None:
        return None
    cropped = moving.crop(*box)
    factors = block_factors(cropped.grid, level.spacing_mm)
    coarse_moving = block_average(cropped, factors, window=window_hu, device=device)
    factors = block_factors(region.image.grid, level.spacing_mm)
    coarse_fixed = block_average(region.image, factors, window=window_hu, device=device)
    samples = cell_samples(
        coarse_fixed,
        distance=region.distance,
        margin_mm=level.margin_mm,
        centre_mm=region.centre_mm,
        cell_vox=level.cell_vox,
        max_samples=level.max_samples,
    )
    return LocalAffine(samples, moving_features(coarse_moving.data[None], coarse_moving.grid.world_from_voxel))


def refine(
    region: FixedRegion,
    moving: Volume,
    starts: Sequence[RigidTransform],
    *,
    settings: RefinementSettings,
    device: torch.device,
) -> list[LevelResult]:
    """Refine several starts, keep the best of each level; the last level's first solution is the answer.

    Returns
    -------
    list of LevelResult
        One for each level that ran; empty where no start brings the images together.
    """
    results: list[LevelResult] = []
    poses = list(starts)
    for level in settings.levels:
        objective = build_objective(region, moving, poses, level=level, window_hu=settings.window_hu, device=device)
        if objective is None:
            break
        solutions = gauss_newton(objective, poses, centre_mm=region.centre_mm, settings=level.solver)
        solutions.sort(key=lambda solution: solution.objective_history[-1])
        results.append(LevelResult(level, objective, tuple(solutions)))
        poses = [solution.transform for solution in solutions[: level.keep]]
    return results
