"""Whether the liver bends between the phases, and the best rigid fit if it does."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from hepareg.refinement.level_objective import LevelObjective
from hepareg.refinement.level_pair import level_pair
from hepareg.refinement.multilevel import LevelResult
from hepareg.refinement.settings import Level
from hepareg.refinement.smooth_field import BendSettings, SmoothField, displaced, estimate_bend, rigid_fit
from hepareg.registration.problem import Roles
from hepareg.transforms import RigidTransform

__all__ = ["Bend", "find_bend"]

BETWEEN_MM = 2.5
"""Resolution between the middle and the finest level: a bend moves edges by more than the finest level sees."""
MIN_GAIN = 0.25
"""A bend is believed if it explains at least this share of what a rigid pose leaves unexplained.

Rigid livers gain below 0.1 in simulation, livers that bend by 2.5 mm and more gain 0.6 to 0.9.
"""


@dataclass(frozen=True)
class Bend:
    """A liver's residual displacement after the best rigid fit.

    Parameters
    ----------
    transform
        Least-squares rigid fit of the liver's whole motion, moving_from_fixed (in the solver's roles).
    residual_rms_mm, residual_max_mm
        Displacement that remains over the liver after that fit.
    explained
        Share of the fixed image's local variance explained with the bend.
    """

    transform: RigidTransform
    residual_rms_mm: float
    residual_max_mm: float
    explained: float


def find_bend(roles: Roles, levels: list[LevelResult], *, settings: BendSettings, device: torch.device) -> Bend | None:
    """Return the liver's bend, or None where a rigid pose explains the images as well."""
    pose = levels[min(1, len(levels) - 1)].solutions[0].transform
    field: SmoothField | None = None
    middle, finest = levels[min(1, len(levels) - 1)].level, levels[-1].level
    for level in (middle, replace(middle, spacing_mm=BETWEEN_MM), finest):
        objective = _objective(roles, pose, level, device)
        if objective is None:
            return None
        field = estimate_bend(objective.residual, pose, points_mm=roles.points_mm, settings=settings, field=field)
        bent = float(displaced(objective.residual, field)(pose.matrix[None]).objective[0])
        rigid = float(objective.residual(levels[-1].solutions[0].transform.matrix[None]).objective[0])
    if field is None or bent > (1 - MIN_GAIN) * rigid:
        return None
    targets = pose.apply(roles.points_mm + field(roles.points_mm))
    fit = rigid_fit(roles.points_mm, targets)
    remaining = np.linalg.norm(fit.apply(roles.points_mm) - targets, axis=1)
    return Bend(fit, float(np.sqrt(np.mean(remaining**2))), float(remaining.max()), 1 - bent)


def _objective(roles: Roles, pose: RigidTransform, level: Level, device: torch.device) -> LevelObjective | None:
    """Return the objective with the fixed image as the template, whichever is coarser: the field lives there."""
    pair = level_pair(roles.region, roles.moving, [pose], level=level, device=device, allow_reversal=False)
    return None if pair is None else pair.objective()
