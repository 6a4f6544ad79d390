"""Errors of a result: distances in millimetres, angles in degrees, overlaps, and their summary over many cases."""

from hepareg.evaluation.dice import dice, dice_after
from hepareg.evaluation.folding_statistics import FoldingStatistics, folding_statistics
from hepareg.evaluation.summary import Summary, summarise
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
    "folding_statistics",
    "summarise",
    "surface_distance",
    "transform_error",
    "tre_of_points",
    "tre_over_mask",
]
