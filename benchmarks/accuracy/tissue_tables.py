"""Tables of livers that deform, faulty scans and wrong masks: is the verdict true of the tissue?"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from benchmarks.accuracy.tables import share
from benchmarks.tables import Column, Row, middle, table
from hepareg.registration.verdict_settings import VerdictSettings

__all__ = ["auroc", "is_foreseen", "is_silent", "tissue_tables"]

LIMITS = VerdictSettings()
FACTOR, MARGIN_MM = 2.0, 0.3
"""An expected error is right within this factor of the true one, or within this distance."""
GOOD_MM, GOOD_P95_MM = 1.0, 2.0
"""A result with smaller true errors ought to be accepted."""
BENT_MM, BENT_SHARE = 3.0, 0.05
"""A liver is said to bend if at least this share of it is farther off than this after the best rigid fit."""

KINDS: tuple[Column, ...] = (
    ("kind", "kind", ""), ("pairs", "num_pairs", ""), ("true mean mm", "true_mm", ".2f"),
    ("expected", "expected_mm", ".2f"), ("true p95 mm", "true_p95_mm", ".2f"),
    ("expected p95", "expected_p95_mm", ".2f"),
    ("foreseen", "foreseen", ""), ("accepted", "accepted", ""), ("silent failures", "silent", ""),
)  # fmt: skip
GOALS: tuple[Column, ...] = (("measure", "measure", ""), ("reached", "reached", ""), ("goal", "goal", ""))


def tissue_tables(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the result of each method with its tables: goals, and kinds of pairs."""
    return {"limits": LIMITS, "parts": [{"result": result, **_tables(result["rows"])} for result in results]}


def is_silent(row: Row) -> bool:
    """Return whether a result was accepted although its tissue is farther off than an accept promises."""
    wrong = row["tissue_mean_mm"] > LIMITS.accept_mm or row["tissue_p95_mm"] > LIMITS.accept_p95_mm
    return row["decision"] == "accept" and wrong


def is_foreseen(row: Row) -> bool:
    """Return whether the expected mean error is within `FACTOR` or `MARGIN_MM` of the true one."""
    true, expected = row["tissue_mean_mm"], row["expected_tre_mm"]
    return expected is not None and (abs(expected - true) <= MARGIN_MM or true / FACTOR <= expected <= FACTOR * true)


def auroc(rows: Sequence[Row]) -> float | None:
    """Return the share of pairs of a wrong and a right result of which the wrong one has the larger expected error.

    Wrong is a true mean error above ``accept_mm``; an unknown expected error counts as infinite. None without both.
    """

    def expected(row: Row) -> float:
        return float("inf") if row["expected_tre_mm"] is None else row["expected_tre_mm"]

    wrong = [expected(row) for row in rows if row["tissue_mean_mm"] > LIMITS.accept_mm]
    right = [expected(row) for row in rows if row["tissue_mean_mm"] <= LIMITS.accept_mm]
    won = [(a > b) + 0.5 * (a == b) for a in wrong for b in right]
    return sum(won) / len(won) if won else None


def _tables(rows: Sequence[Row]) -> dict[str, Any]:
    answered = [row for row in rows if row["tissue_mean_mm"] is not None]
    kinds = {
        kind: [row for row in answered if row["trouble"] == kind] for kind in sorted({r["trouble"] for r in answered})
    }
    return {
        "goals": table(_goals(answered), GOALS),
        "kinds": table((_kind(kind, own) for kind, own in kinds.items()), KINDS),
        "num_pairs": len(answered),
        "sources": ", ".join(f"{_count(answered, source)} {source}" for source in ("phantom", "real CT")),
    }


def _count(rows: Iterable[Row], source: str) -> int:
    return sum(row["source"] == source for row in rows)


def _kind(kind: str, rows: Sequence[Row]) -> Row:
    return {
        "kind": kind,
        "num_pairs": len(rows),
        "true_mm": middle(row["tissue_mean_mm"] for row in rows),
        "expected_mm": middle(row["expected_tre_mm"] for row in rows if row["expected_tre_mm"] is not None),
        "true_p95_mm": middle(row["tissue_p95_mm"] for row in rows),
        "expected_p95_mm": middle(row["expected_p95_mm"] for row in rows if row["expected_p95_mm"] is not None),
        "foreseen": sum(map(is_foreseen, rows)),
        "accepted": sum(row["decision"] == "accept" for row in rows),
        "silent": sum(map(is_silent, rows)),
    }


def _goals(rows: Sequence[Row]) -> list[Row]:
    """Return measure, value and goal of everything that the verdict is to reach on pairs that set no limit."""
    deforming = [row for row in rows if row["trouble"].startswith("bend_")]
    right_masks = [row for row in rows if not row["trouble"].startswith("mask_of_")]
    good = [row for row in right_masks if row["tissue_mean_mm"] <= GOOD_MM and row["tissue_p95_mm"] <= GOOD_P95_MM]
    bent = [row for row in right_masks if row["left_by_rigid_p95_mm"] >= BENT_MM]
    told = [row["decision"] == "reject" or "liver_bends" in (row["reason"] or "") for row in bent]
    percent = partial(share, digits=0)
    return [
        {"measure": "accepted although wrong", "reached": f"{sum(map(is_silent, rows))} of {len(rows)}", "goal": "0"},
        {"measure": "AUROC of the expected error", "reached": _number(auroc(rows)), "goal": ">= 0.98"},
        {"measure": "the same, deforming livers", "reached": _number(auroc(deforming)), "goal": ">= 0.95"},
        {"measure": "expected error foreseen", "reached": percent(map(is_foreseen, rows)), "goal": ">= 80 %"},
        {"measure": "the same, deforming livers", "reached": percent(map(is_foreseen, deforming)), "goal": ">= 70 %"},
        {
            "measure": "good, right masks: accepted",
            "reached": percent(r["decision"] == "accept" for r in good),
            "goal": ">= 80 %",
        },
        {"measure": "5 % or more of the liver over 3 mm off: said so", "reached": percent(told), "goal": ">= 95 %"},
    ]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
