"""Tables of ``docs/real_pair.md``: closeness of the real breathing pair by tool, verdicts, and goals."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.comparison_tables import NAMES
from benchmarks.tables import Column, Row, cell, table

__all__ = ["GOALS", "Goal", "goal_rows", "real_pair_tables"]

REFERENCES = {
    "before": "before (no transform)",
    "dome_of_t5": "closest at the dome of t5 alone",
    "dome_of_t0": "closest at the dome of t0 alone",
}
MASKS = {True: "both", False: "none", None: None}


@dataclass(frozen=True)
class Goal:
    """An upper limit in mm for a number of hepareg's rows with masks."""

    words: str
    limit_mm: float
    value: Callable[[Row], float | None]


GOALS = (
    Goal("mean distance from the dome of t5", 2.8, lambda row: _part(row, "dome_of_t5", "mean_mm")),
    Goal("distance of the mask surfaces", 3.1, lambda row: _part(row, "surfaces", "assd_mm")),
    Goal("distance between both ways", 1.5, lambda row: row["ways_apart_mm"]),
)

CLOSENESS: tuple[Column, ...] = (
    ("tool", lambda row: REFERENCES.get(row["tool"]) or NAMES[row["tool"]], ""),
    ("masks", lambda row: MASKS[row["masks"]], ""), ("fixed", "fixed", ""), ("ended", lambda row: _ended(row), ""),
    ("from the dome of t5 mm", lambda row: _part(row, "dome_of_t5", "mean_mm"), ".2f"),
    ("95 % below mm", lambda row: _part(row, "dome_of_t5", "p95_mm"), ".1f"),
    ("from the dome of t0 mm", lambda row: _part(row, "dome_of_t0", "mean_mm"), ".2f"),
    ("surfaces mm", lambda row: _part(row, "surfaces", "assd_mm"), ".2f"),
    ("surfaces without cut end mm", "surfaces_without_cut_end_mm", ".2f"),
    ("ways apart mm", "ways_apart_mm", ".2f"), ("process s", "process_s", ".0f"),
)  # fmt: skip
VERDICTS: tuple[Column, ...] = (
    ("fixed", "fixed", ""), ("masks", lambda row: MASKS[row["masks"]], ""), ("verdict", "decision", ""),
    ("reasons", lambda row: ", ".join(f"`{code}`" for code in row["reasons"]), ""),
    ("expected mean mm", "expected_tre_mm", ".2f"), ("expected 95 % below mm", "expected_liver_p95_mm", ".2f"),
    ("to the best rigid fit mm", "rigid_fit_error_mm", ".2f"),
    ("left by rigid, mean mm", lambda row: _part(row, "left_by_rigid", "mean_mm"), ".2f"),
    ("left by rigid, 95 % below mm", lambda row: _part(row, "left_by_rigid", "p95_mm"), ".2f"),
    ("farthest off", lambda row: _part(row, "left_by_rigid", "where"), ""),
)  # fmt: skip
GOAL_COLUMNS: tuple[Column, ...] = (
    ("goal", "words", ""), ("at most mm", "limit_mm", ".1f"), ("t5 fixed mm", "t5", ".2f"),
    ("t0 fixed mm", "t0", ".2f"), ("met", "met", ""),
)  # fmt: skip


def real_pair_tables(result: dict[str, Any]) -> dict[str, Any]:
    """Return the tables of the page by name, and the rows of reference by name, from ``real_pair.json``."""
    rows = result["rows"]
    judged = [row for row in rows if row["decision"] is not None]
    versions = {NAMES[row["tool"]]: row["version"] for row in rows if row["version"] and row["tool"] != "start"}
    return {
        "closeness": table(rows, CLOSENESS, left=4),
        "verdicts": table(judged, VERDICTS, left=4),
        "goals": table(goal_rows(rows), GOAL_COLUMNS),
        "references": {row["tool"]: row for row in rows if row["tool"] in REFERENCES},
        "peers": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }


def goal_rows(rows: list[Row]) -> Iterator[Row]:
    """Yield for each goal the numbers of hepareg with masks, both ways, and whether both meet the goal."""
    ours = {row["fixed"]: row for row in rows if row["tool"] == "hepareg" and row["masks"]}
    for goal in GOALS:
        found = {fixed: goal.value(row) for fixed, row in ours.items()}
        met = [fixed for fixed, value in found.items() if value is not None and value <= goal.limit_mm]
        told = "yes" if len(met) == 2 else f"only with {met[0]} fixed" if met else "**no**"
        yield {"t5": None, "t0": None, **found, "words": goal.words, "limit_mm": goal.limit_mm, "met": told}


def _part(row: Row, key: str, entry: str) -> Any:
    return None if row[key] is None else row[key][entry]


def _ended(row: Row) -> str:
    return cell(row["decision"]) if row["decision"] else row["status"].replace("_", " ")
