"""Comparisons of a number of the evidence with a limit of the settings, both by name."""

from hepareg.registration.evidence import Evidence
from hepareg.registration.verdict_settings import VerdictSettings

__all__ = ["is_above", "is_below"]


def is_above(evidence: Evidence, number: str, settings: VerdictSettings, limit: str) -> bool:
    """Return whether a number was measured and is larger than a limit."""
    value: float | None = getattr(evidence, number)
    return value is not None and value > getattr(settings, limit)


def is_below(evidence: Evidence, number: str, settings: VerdictSettings, limit: str) -> bool:
    """Return whether a number was measured and is smaller than a limit."""
    value: float | None = getattr(evidence, number)
    return value is not None and value < getattr(settings, limit)
