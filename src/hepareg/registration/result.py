"""The result of a registration, and the verdict on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from hepareg.refinement.solvers.solution import Solution
from hepareg.registration.left_by_rigid import LeftByRigid
from hepareg.registration.method import Method
from hepareg.transforms import RigidTransform

__all__ = ["Decision", "RegistrationResult", "Verdict"]


class Decision(Enum):
    """Advice on the use of a result, from the best to the worst."""

    ACCEPT = "accept"
    """The expected errors are within the limits (`accept_mm`, `accept_p95_mm`), and no rule raises a doubt."""
    REVIEW = "review"
    """Look at the picture before use."""
    REJECT = "reject"
    """Do not use."""


@dataclass(frozen=True)
class Verdict:
    """Judgement of a result from evidence in the images themselves, without knowledge of the truth.

    Parameters
    ----------
    decision
        Accept, review or reject.
    already_aligned
        Whether the images fitted without registration, within the expected error.
    expected_liver_tre_mm, expected_liver_p95_mm
        Expected mean, and 95th percentile, over the liver of the distance in mm between the place to which the result
        sends liver tissue and the tissue's true place, whatever the cause (`expected_error`).
    rigid_fit_error_mm
        Expected mean distance in mm, over the liver, between the result and the best rigid fit of the true motion.
    left_by_rigid
        What no rigid transform can follow, and where; None if it is not known.
    reasons
        Codes of the rules that hold (`verdict_rules.RULES`), the most important first; empty for a plain accept.
    evidence
        Numbers that the rules were applied to, by name, units in the names.
    """

    decision: Decision
    already_aligned: bool
    expected_liver_tre_mm: float
    expected_liver_p95_mm: float
    rigid_fit_error_mm: float
    reasons: tuple[str, ...]
    left_by_rigid: LeftByRigid | None = None
    evidence: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class RegistrationResult:
    """Transform of one pair, the verdict on it, and a record of how both were found.

    Parameters
    ----------
    transform
        moving_from_fixed, world RAS mm; six degrees of freedom.
    verdict
        Whether to trust it.
    centre_mm
        (3,) fixed world point at which translations are reported: the liver's centroid, or the
        centre of the region if no mask is given.
    start
        The start that led to the result, as moving_from_fixed.
    start_name
        Name of the way in which that start was found: identity, mask_centroids, user, ...
    history
        Solution of each level, coarse to fine; empty if the result was not refined.
    similarity_before, similarity_after
        Explained share of the template's local variance (0 to 1, higher is better) under the
        identity and under the result.
    timings_s
        Seconds of each stage.
    settings
        All settings, with the constants beside them, ready for JSON.
    method
        Way in which the transform was found.
    weights_sha256
        Hash of the trained network's file, or None if none was used.
    notes
        Remarks on the images and masks for the user, a sentence each: those of their readers, and those on the
        preparation of the masks, such as the resampling of a mask onto its image's grid.
    """

    transform: RigidTransform
    verdict: Verdict
    centre_mm: NDArray[np.floating]
    start: RigidTransform
    start_name: str
    history: tuple[Solution, ...]
    similarity_before: float
    similarity_after: float
    timings_s: Mapping[str, float]
    settings: Mapping[str, object]
    method: Method = Method.REFINE
    weights_sha256: str | None = None
    notes: tuple[str, ...] = ()
