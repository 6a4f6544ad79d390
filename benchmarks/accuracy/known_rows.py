"""Committed results read back as evidence beside the truth, so that rules can be applied to the results again."""

import math
from dataclasses import dataclass, fields
from typing import Any

from benchmarks.accuracy.scoring import is_good
from benchmarks.results import ACCURACY_RESULTS
from hepareg.io.json import read_json
from hepareg.refinement.solvers.solution import Status
from hepareg.registration.evidence import Evidence

__all__ = ["KnownRow", "known_rows"]

OLD_NAMES = {"precision_mm": "pose_uncertainty_mm"}
"""Names of the evidence in result files that are older than the code, and the names of today."""

MAY_BE_MISSING = ("dice_after", "directions_error_mm", "liver_ml")
"""Evidence that a result can lack; any other number that a row leaves out was infinite."""


@dataclass(frozen=True)
class KnownRow:
    """One registration with a known answer.

    Parameters
    ----------
    row
        Row of the result file.
    evidence
        Evidence of the registration, as the verdict got it.
    tre_mm
        True mean error over the liver; None if the pair has no answer, as two patients have none.
    """

    row: dict[str, Any]
    evidence: Evidence
    tre_mm: float | None

    @property
    def is_good(self) -> bool:
        """True if the error is within the bound that an accepted result promises."""
        return is_good(self.tre_mm)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Reason codes that the row recorded."""
        return _reasons(self.row)


def known_rows(name: str) -> list[KnownRow]:
    """Return the registrations of a committed result file, such as ``stress_hepareg``."""
    rows = [row for row in read_json(ACCURACY_RESULTS / f"{name}.json")["rows"] if row["evidence"] is not None]
    recorded = {OLD_NAMES.get(number, number) for row in rows for number in row["evidence"]}
    # Evidence that is newer than the file stays at its default.
    return [_known(row, recorded.intersection(field.name for field in fields(Evidence))) for row in rows]


def _known(row: dict[str, Any], names: set[str]) -> KnownRow:
    given = {OLD_NAMES.get(name, name): value for name, value in row["evidence"].items()}
    numbers = {name: given.get(name, None if name in MAY_BE_MISSING else math.inf) for name in names}
    # A row keeps its flags among the other reasons. Those may stay: no rule reads the code of another as a flag.
    evidence = Evidence(**numbers, status=Status(row["ended"]), flags=_reasons(row))
    return KnownRow(row, evidence, row["liver_tre_mean_mm"])


def _reasons(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(row["reason"].split("; ")) if row["reason"] else ()
