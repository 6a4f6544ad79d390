"""Numbers of the result files as Markdown: summaries of many rows, ratios to the reference, losses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.contenders import contenders
from benchmarks.peers import REFERENCE
from benchmarks.results import ROOT

__all__ = [
    "ENDED_WELL",
    "SILENT_MM",
    "TOLERATED_LOSS_MM",
    "ToolSummary",
    "is_reported",
    "is_rigid_and_masked",
    "is_silent",
    "losses",
    "markdown",
    "names",
    "number",
    "ratio_to_reference",
    "summarise_tool",
]

Row = dict[str, Any]

SILENT_MM = 1.5
"""A transform with a larger mean liver TRE is a failure: the bound that an accepted result promises."""

ENDED_WELL = ("found", "rejected")
"""Statuses whose seconds and memory are those of a whole run."""

TOLERATED_LOSS_MM = 0.05
"""How much worse than the reference a result may be."""


NOT_RIGID_AND_MASKED = ("bending_liver", "imperfect_mask", "no_mask", "shared_noise")
"""Difficulties that are not counted where rigid pairs with masks are spoken of."""


@dataclass(frozen=True)
class ToolSummary:
    """One tool over many pairs; TRE in mm over the transforms that it returned.

    Parameters
    ----------
    num_pairs, num_found, num_reported, num_silent
        Pairs tried, transforms returned, failures that the tool reported (no transform, or one that it
        warned of), and transforms wrong by more than `SILENT_MM` that it reported as good.
    median_tre_mm, worst_tre_mm
        Over the pairs with a transform, None where there is none.
    """

    num_pairs: int
    num_found: int
    num_reported: int
    num_silent: int
    median_tre_mm: float | None
    worst_tre_mm: float | None


def names() -> dict[str, str]:
    """Return the tables' name of every contender, by key."""
    return {contender.key: contender.name for contender in contenders(ROOT)}


def is_silent(row: Row) -> bool:
    """Return whether a tool returned a wrong transform and said nothing."""
    tre = row["tre_mean_mm"]
    wrong = tre is not None and tre > SILENT_MM and row["tool"] != "start"
    return wrong and row["decision"] in (None, "accept")


def is_rigid_and_masked(row: Row) -> bool:
    """Return whether a pair's liver moves rigidly and its masks were given and right."""
    return row["masks"] and row["difficulty"] not in NOT_RIGID_AND_MASKED


def is_reported(row: Row) -> bool:
    """Return whether a tool failed and said so."""
    if row["status"] in ("rejected", "failed", "timed_out"):
        return True
    tre = row["tre_mean_mm"]
    return tre is not None and tre > SILENT_MM and row["decision"] == "review"


def summarise_tool(rows: Sequence[Row]) -> ToolSummary:
    """Return the summary of one tool's rows."""
    errors = [row["tre_mean_mm"] for row in rows if row["tre_mean_mm"] is not None]
    return ToolSummary(
        num_pairs=len(rows),
        num_found=len(errors),
        num_reported=sum(map(is_reported, rows)),
        num_silent=sum(map(is_silent, rows)),
        median_tre_mm=median(errors) if errors else None,
        worst_tre_mm=max(errors) if errors else None,
    )


def ratio_to_reference(rows: Iterable[Row], tool: str, field: str) -> float | None:
    """Return the median over pairs of a tool's value divided by the reference's, or None where no pair has both."""
    values: dict[tuple, dict[str, float]] = {}
    for row in rows:
        if row[field] and row["status"] in ENDED_WELL:
            values.setdefault((row["pair"], row["masks"]), {})[row["tool"]] = row[field]
    ratios = [pair[tool] / pair[REFERENCE] for pair in values.values() if tool in pair and REFERENCE in pair]
    return median(ratios) if ratios else None


def losses(rows: Sequence[Row], *, ours: str = "hepareg") -> list[tuple[Row, Row]]:
    """Return (our row, better peer's row) for every pair on which a peer has the smaller TRE, largest loss first."""
    found = []
    for own in (row for row in rows if row["tool"] == ours):
        for row in rows:
            same = (row["pair"], row["masks"]) == (own["pair"], own["masks"]) and row["tool"] not in (ours, "start")
            if same and row["tre_mean_mm"] is not None and _loss(own, row) > 0:
                found.append((own, row))
    return sorted(found, key=lambda couple: -_loss(*couple))


def _loss(own: Row, other: Row) -> float:
    ours = own["tre_mean_mm"]
    return float("inf") if ours is None else ours - other["tre_mean_mm"]


def number(value: float | None, digits: int = 2) -> str:
    """Return a number for a table; a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table: first column left, the others right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
