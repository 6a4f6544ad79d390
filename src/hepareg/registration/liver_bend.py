"""Whether the liver bends between the phases, and the best rigid fit of its motion if it does."""

from dataclasses import dataclass, field, replace

import numpy as np

from hepareg.refinement.averaged_pair import average_pair
from hepareg.refinement.direction import Direction
from hepareg.refinement.level import Level
from hepareg.refinement.multilevel import Refinement
from hepareg.refinement.settings import LevelSettings
from hepareg.refinement.smooth_field import SmoothField, SmoothFieldSettings, displace, estimate_field
from hepareg.registration.pose_uncertainty import Estimate, UncertaintySettings, estimate_pose
from hepareg.registration.problem import Problem
from hepareg.transforms.fit import fit_rigid

__all__ = ["BendSettings", "estimate_bend"]


@dataclass(frozen=True)
class BendSettings:
    """Limits for the search for a bend, and for accepting the bend.

    Parameters
    ----------
    search_mm
        A bend is searched for if the pose's uncertainty is larger than this; never if infinite.
    between_mm
        Spacing of the level between the middle and the finest one: a bend moves edges farther than the finest level
        can follow at once.
    min_gain
        A bend is accepted if it explains at least this share of the variance that the rigid pose leaves unexplained.
        Rigid livers gain below 0.1 in simulation, livers that bend by 2.5 mm and more gain 0.6 to 0.9.
    field
        Prior and iteration of the displacement.
    """

    search_mm: float = 0.08
    between_mm: float = 2.5
    min_gain: float = 0.25
    field: SmoothFieldSettings = field(default_factory=SmoothFieldSettings)


def estimate_bend(
    problem: Problem, refinement: Refinement, rigid: Estimate, *, settings: BendSettings, blocks: UncertaintySettings
) -> Estimate | None:
    """Return the least-squares rigid fit of a bending liver's whole motion, or None if the liver does not bend.

    Parameters
    ----------
    problem
        The images.
    refinement
        The levels of the rigid refinement.
    rigid
        The rigid pose that they found.
    settings, blocks
        Limits of the search for a bend, and the blocks of the uncertainty.
    """
    if not settings.search_mm < rigid.uncertainty_mm < np.inf:
        return None
    pose = refinement.compared.best.transform
    middle, finest = refinement.compared.level.settings, refinement.finest.level.settings
    bend: SmoothField | None = None
    for level_settings in (middle, replace(middle, spacing_mm=settings.between_mm), finest):
        level = _level(problem, refinement, level_settings)
        if level is None:
            return None
        bend = estimate_field(level.residual, pose, points_mm=problem.points_mm, settings=settings.field, field=bend)
        unexplained_bent = float(displace(level.residual, bend)(pose.matrix[None]).objective[0])
        unexplained_rigid = float(level.residual(rigid.transform.matrix[None]).objective[0])
    if bend is None or unexplained_bent > (1 - settings.min_gain) * unexplained_rigid:
        return None
    targets = pose.apply(problem.points_mm + bend(problem.points_mm))
    fit = fit_rigid(problem.points_mm, targets)
    remaining = np.linalg.norm(fit.apply(problem.points_mm) - targets, axis=1)
    bent = estimate_pose(refinement.finest.level, fit, points_mm=problem.points_mm, settings=blocks)
    return replace(bent, bend_rms_mm=float(np.sqrt(np.mean(remaining**2))))


def _level(problem: Problem, refinement: Refinement, settings: LevelSettings) -> Level | None:
    """Return a level with the reference image as the template, even if the other one is coarser."""
    pair = average_pair(
        problem.region,
        problem.searched,
        [refinement.compared.best.transform],
        direction=Direction(),
        settings=settings,
        refinement=refinement.finest.level.refinement,
    )
    return None if pair is None else pair.level()
