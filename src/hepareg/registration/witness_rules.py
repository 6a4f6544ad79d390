"""The rules of the verdict that read the witnesses (`witnesses.witnesses.Witnesses`)."""

from hepareg.registration.evidence import Evidence
from hepareg.registration.result import Decision
from hepareg.registration.verdict_rule import Condition, Rule
from hepareg.registration.verdict_settings import VerdictSettings

__all__ = ["WITNESS_DOUBTS"]


def _above(number: str, limit: str) -> Condition:
    """Return the condition that a witness was measured and is above a limit of the settings."""

    def holds(evidence: Evidence, expected_mm: float, settings: VerdictSettings) -> bool:
        value, largest = getattr(evidence, number), getattr(settings, limit)
        return value is not None and value > largest

    return holds


WITNESS_DOUBTS = (
    Rule(
        code="slices_out_of_order",
        decision=Decision.REVIEW,
        holds=_above("slice_order_ratio", "max_slice_order_ratio"),
        meaning="In one image slices far apart resemble each other more than neighbours: shuffled or repeated.",
        what_to_do="Look at both images from the front for teeth; export the series again, sorted by position.",
        limits=("max_slice_order_ratio",),
    ),
    Rule(
        code="slices_missing",
        decision=Decision.REVIEW,
        holds=_above("slice_gap", "max_slice_gap"),
        meaning="One image has a step between two slices: slices are missing, or the patient breathed in the scan.",
        what_to_do="Look at both images from the front for a step; trust the result on one side of it at most.",
        limits=("max_slice_gap",),
    ),
)
"""Doubts, each of which makes a result at best one for review."""
