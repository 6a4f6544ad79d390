"""Committed results read back as evidence beside the truth, so that rules can be applied to the results again."""

import math
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from benchmarks.accuracy.scoring import is_good
from benchmarks.results import ACCURACY_RESULTS
from hepareg.io.json import read_json
from hepareg.refinement.solvers.solution import Status
from hepareg.registration.evidence import Evidence
from hepareg.registration.result import Decision, Verdict
from hepareg.registration.verdict import judge
from hepareg.registration.verdict_rules import rule_of
from hepareg.registration.verdict_settings import VerdictSettings
from hepareg.registration.witnesses.witnesses import Witnesses

__all__ = ["KnownRow", "known_rows"]

MAY_BE_MISSING = (
    "dice_after", "directions_error_mm", "liver_ml", "surface_rms_mm", *(field.name for field in fields(Witnesses)),
)  # fmt: skip
"""Evidence that a result can lack; any other number that a row leaves out was infinite."""


@dataclass(frozen=True)
class KnownRow:
    """One registration with a known answer: its row in the result file, and its evidence, as the verdict got it."""

    row: dict[str, Any]
    evidence: Evidence

    @property
    def is_good(self) -> bool:
        """True if the error is within the bound that an accepted result promises; False without an answer."""
        return is_good(self.row["liver_tre_mean_mm"])

    @cached_property
    def verdict(self) -> Verdict:
        """The verdict of today's rules with their default limits."""
        return judge(self.evidence, settings=VerdictSettings())

    @property
    def doubts(self) -> set[str]:
        """Codes of the rules that keep the result from an accept; none for an accepted one."""
        return _doubts(self.verdict)

    def doubts_under(self, settings: VerdictSettings) -> set[str]:
        """Return the doubts under other limits than the default ones."""
        return _doubts(judge(self.evidence, settings=settings))


def _doubts(verdict: Verdict) -> set[str]:
    return {code for code in verdict.reasons if rule_of(code).decision is not Decision.ACCEPT}


def known_rows(name: str) -> list[KnownRow]:
    """Return the registrations of a committed result file, such as ``stress_hepareg``."""
    rows = [row for row in read_json(ACCURACY_RESULTS / f"{name}.json")["rows"] if row["evidence"] is not None]
    # Evidence that is newer than the file stays at its default. Bends were measured in another way once; rows of livers
    # that bend and were measured so say nothing about the rules of today.
    rows = [row for row in rows if not row["evidence"].get("bend_rms_mm")]
    known = {field.name for field in fields(Evidence)}
    recorded = {number for row in rows for number in row["evidence"]} & known
    return [_known(row, recorded) for row in rows]


def _known(row: dict[str, Any], names: set[str]) -> KnownRow:
    numbers = {name: row["evidence"].get(name, None if name in MAY_BE_MISSING else math.inf) for name in names}
    # A row keeps its flags among the other reasons. Those may stay: no rule reads the code of another as a flag.
    flags = tuple(row["reason"].split("; ")) if row["reason"] else ()
    return KnownRow(row, Evidence(**numbers, status=Status(row["ended"]), flags=flags))
