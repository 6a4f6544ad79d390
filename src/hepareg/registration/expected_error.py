"""The errors that a result is expected to have: of the tissue, whatever the cause, and of the rigid pose alone."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hepareg.registration.comparisons import is_above, is_below
from hepareg.registration.evidence import Evidence
from hepareg.registration.verdict_settings import VerdictSettings

__all__ = ["ERROR_PARTS", "ErrorPart", "ExpectedError", "expected_error", "rigid_error"]

MASK_ON_THE_LEFT = "mask_left_of_the_body_centre"
"""Flag of a mask that may be of the spleen (`problem.build_problem`)."""


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


@dataclass(frozen=True)
class ExpectedError:
    """Expected errors in mm over the liver.

    Parameters
    ----------
    mean_mm, p95_mm
        Mean, and 95th percentile, of the distance between the place to which the result sends liver tissue and the
        tissue's true place, whatever the cause.
    rigid_fit_mm
        Mean distance between the result and the best rigid fit of the tissue's true motion.
    """

    mean_mm: float
    p95_mm: float
    rigid_fit_mm: float


def expected_error(evidence: Evidence, settings: VerdictSettings) -> ExpectedError:
    """Return the expected errors of a result.

    Notes
    -----
    The error of the rigid pose (`rigid_error`) is taken as independent of the distances between the refined pose and
    the estimated motion of the tissue: each expected error is the root of the sum of their squares.
    """
    pose_mm = rigid_error(evidence, settings)
    return ExpectedError(
        mean_mm=float(np.hypot(pose_mm, evidence.tissue_mean_mm)),
        p95_mm=float(np.hypot(settings.p95_of_mean * pose_mm, evidence.tissue_p95_mm)),
        rigid_fit_mm=float(np.hypot(pose_mm, evidence.rigid_fit_distance_mm)),
    )


def rigid_error(evidence: Evidence, settings: VerdictSettings) -> float:
    """Return the expected mean distance in mm, over the liver, between the result and the pose of a rigid liver.

    Notes
    -----
    The parts are taken as independent: the error is sqrt(sum of the squares of `ERROR_PARTS`). It is infinite or
    NaN if a part is NaN.
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


def _doubtful_mask(evidence: Evidence, settings: VerdictSettings) -> float:
    """Return ``doubtful_mask_mm`` if a mask may be of something else than the liver, otherwise 0."""
    doubts = (
        is_below(evidence, "mask_homogeneity", settings, "min_mask_homogeneity"),
        is_above(evidence, "largest_mask_ml", settings, "max_liver_ml"),
        is_below(evidence, "liver_ml", settings, "min_liver_ml"),
        is_below(evidence, "soft_tissue_share", settings, "min_soft_tissue_share"),
        MASK_ON_THE_LEFT in evidence.flags,
    )
    return settings.doubtful_mask_mm if any(doubts) else 0.0


def _disordered_slices(evidence: Evidence, settings: VerdictSettings) -> float:
    """Return ``disordered_slices_mm`` if slices of an image are out of order, otherwise 0."""
    disordered = is_above(evidence, "slice_order_ratio", settings, "max_slice_order_ratio")
    return settings.disordered_slices_mm if disordered else 0.0


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
        "flat optimum",
        "sqrt(max(0, flatness_mm^2 - flatness_floor_mm^2))",
        "Poses some millimetres away explain the images nearly as well, as on a liver like a sphere without visible "
        "vessels. Blocks do not show it: noise and neighbours make them look determined.",
        _flat_optimum,
    ),
    ErrorPart(
        "doubtful mask",
        "doubtful_mask_mm if a mask is mixed, too small, too large, on the left, or holds little soft tissue",
        "Under a mask of something else the images may fit well, and the liver may lie anywhere.",
        _doubtful_mask,
    ),
    ErrorPart(
        "slices out of order",
        "disordered_slices_mm if slice_order_ratio > max_slice_order_ratio",
        "Tissue in a shuffled slice lies where no smooth motion puts it.",
        _disordered_slices,
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
"""The causes of error of a rigid pose, in the order in which the documentation lists them."""
