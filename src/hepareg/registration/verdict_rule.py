"""One rule of the verdict: a reason code with its condition, its meaning and advice for the user."""

from collections.abc import Callable
from dataclasses import dataclass

from hepareg.registration.comparisons import is_above, is_below
from hepareg.registration.evidence import Evidence
from hepareg.registration.expected_error import ExpectedError
from hepareg.registration.result import Decision
from hepareg.registration.verdict_settings import VerdictSettings

__all__ = ["Condition", "Rule", "above", "below"]

Condition = Callable[[Evidence, ExpectedError, VerdictSettings], bool]
"""Called with evidence, expected errors and settings; true if a rule holds."""


@dataclass(frozen=True)
class Rule:
    """One reason that a verdict may give.

    Parameters
    ----------
    code
        Name in ``reasons`` of ``result.json``.
    decision
        The best decision that a result can get if the rule holds. ``ACCEPT`` makes the rule a note.
    holds
        Whether the rule holds.
    meaning
        One sentence for a user who does not know the method.
    what_to_do
        One sentence: how the user makes the result better, or checks it.
    limits
        Names of the settings that ``holds`` reads.
    """

    code: str
    decision: Decision
    holds: Condition
    meaning: str
    what_to_do: str
    limits: tuple[str, ...] = ()


def above(number: str, limit: str) -> Condition:
    """Return the condition that a number of the evidence was measured and is above a limit of the settings."""
    return lambda evidence, expected, settings: is_above(evidence, number, settings, limit)


def below(number: str, limit: str) -> Condition:
    """Return the condition that a number of the evidence was measured and is below a limit of the settings."""
    return lambda evidence, expected, settings: is_below(evidence, number, settings, limit)
