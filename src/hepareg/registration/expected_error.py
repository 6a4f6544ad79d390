"""The error that a result is expected to have, composed of independent parts."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hepareg.registration.evidence import Evidence
from hepareg.registration.verdict_settings import VerdictSettings

__all__ = ["ERROR_PARTS", "ErrorPart", "expected_error"]


@dataclass(frozen=True)
class ErrorPart:
    """One cause of error.

    Parameters
    ----------
    name
        The cause in a few words.
    formula
        Formula of `value_mm` in the names of the evidence and of the settings.
    meaning
        Explanation of the cause, for a reader who does not know the code.
    value_mm
        Called with evidence and settings: expected error in mm from this cause alone.
    """

    name: str
    formula: str
    meaning: str
    value_mm: Callable[[Evidence, VerdictSettings], float]


def expected_error(evidence: Evidence, settings: VerdictSettings) -> float:
    """Return the expected mean distance in mm, over the liver, between the result and the true rigid pose.

    Notes
    -----
    The parts are taken as independent: expected error = sqrt(sum of the squares of `ERROR_PARTS`). It is infinite or
    NaN if a part is NaN. A cause that no part models, such as a lobe that moves alone, is not included.
    """
    return float(np.linalg.norm([part.value_mm(evidence, settings) for part in ERROR_PARTS]))


def _interpolation_bias(evidence: Evidence, settings: VerdictSettings) -> float:
    """Return the expected error in mm from interpolation."""
    bias_mm = settings.voxel_bias_per_mm * evidence.voxel_mm**2
    if evidence.directions_error_mm is None:
        return bias_mm
    return float(np.hypot(evidence.directions_error_mm, settings.shared_voxel_bias * bias_mm))


def _flat_optimum(evidence: Evidence, settings: VerdictSettings) -> float:
    """Return the expected error in mm from an optimum that is flat along or about an axis."""
    flatness_mm = evidence.flatness_mm or 0.0
    return float(np.sqrt(max(0.0, flatness_mm**2 - settings.flatness_floor_mm**2)))


ERROR_PARTS = (
    ErrorPart(
        "floor",
        "floor_mm",
        "Every result has at least this error.",
        lambda evidence, settings: settings.floor_mm,
    ),
    ErrorPart(
        "uncertainty of the pose",
        "uncertainty_factor * pose_uncertainty_mm",
        "Blocks of the liver, 30 mm wide, each pull the pose a little their own way. How far they disagree says how "
        "uncertain their common pose is: from noise, from bending, and from neighbours that move otherwise.",
        lambda evidence, settings: settings.uncertainty_factor * evidence.pose_uncertainty_mm,
    ),
    ErrorPart(
        "bias of interpolation",
        "voxel_bias_per_mm * voxel_mm^2; if both directions were searched: "
        "sqrt(directions_error_mm^2 + (shared_voxel_bias * voxel_bias_per_mm * voxel_mm^2)^2)",
        "Interpolation between voxels pulls all blocks the same way, so that their disagreement does not show it. "
        "Searching with the images exchanged shows a part of this bias.",
        _interpolation_bias,
    ),
    ErrorPart(
        "bend",
        "bend_error_share * bend_rms_mm",
        "A liver that bends pulls the rigid fit with it. `bend_rms_mm` is zero unless a smooth bend was found.",
        lambda evidence, settings: settings.bend_error_share * evidence.bend_rms_mm,
    ),
    ErrorPart(
        "flat optimum",
        "sqrt(max(0, flatness_mm^2 - flatness_floor_mm^2))",
        "Poses some millimetres away explain the images nearly as well, as on a liver like a sphere without visible "
        "vessels. Blocks do not show it: noise and neighbours make them look determined.",
        _flat_optimum,
    ),
    ErrorPart(
        "missing refinement",
        "correction_mm",
        "The distance by which the refinement would still move a pose that a network predicted; "
        "zero for a refined result.",
        lambda evidence, settings: evidence.correction_mm,
    ),
    ErrorPart(
        "parallel grids",
        "interpolation_pull_mm",
        "If the voxels of both images lie alike, interpolation prefers some poses to others.",
        lambda evidence, settings: evidence.interpolation_pull_mm,
    ),
)
"""The causes of error that the expected error counts, in the order in which the documentation lists them."""
