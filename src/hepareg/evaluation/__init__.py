"""How far a result is from the truth: errors in millimetres and degrees, overlaps, and their summary."""

from hepareg.evaluation.dice import dice, dice_after
from hepareg.evaluation.folding import FoldingStatistics, folding
from hepareg.evaluation.summary import Summary, success_rate, summarise
from hepareg.evaluation.surface_distance import SurfaceDistance, surface_distance
from hepareg.evaluation.transform_error import RigidError, transform_error
from hepareg.evaluation.tre import TargetRegistrationError, tre_of_points, tre_over_mask

__all__ = [
    "FoldingStatistics",
    "RigidError",
    "Summary",
    "SurfaceDistance",
    "TargetRegistrationError",
    "dice",
    "dice_after",
    "folding",
    "success_rate",
    "summarise",
    "surface_distance",
    "transform_error",
    "tre_of_points",
    "tre_over_mask",
]
