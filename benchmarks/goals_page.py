"""The goals that were set for hepareg, and what the result files say about each."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from benchmarks.peers import REFERENCE
from benchmarks.speed_page import ON_CUDA
from benchmarks.tables import TOLERATED_LOSS_MM, Row, is_silent, markdown, number

__all__ = ["goals_section"]

Results = dict[str, dict[str, Any] | None]
NOT_RIGID_AND_MASKED = ("bending_liver", "imperfect_mask", "no_mask", "shared_noise")
"""Difficulties that are not counted where a goal speaks of rigid pairs with masks."""

Judged = tuple[str, bool | None]
"""What was measured, in words, and whether it reaches the goal; None where nothing was measured."""

UNKNOWN: Judged = ("not measured", None)


def goals_section(results: Results) -> str:
    """Return the table of goals."""
    table = []
    for goal, judge in GOALS:
        measured, reached = judge(results)
        table.append([goal, measured, {True: "yes", False: "**no**", None: "–"}[reached]])
    return f"## Goals\n\n{markdown(['goal', 'measured', 'reached'], table)}"


def _process_ratio(results: Results) -> Judged:
    ours, reference = _process(results, "hepareg"), _process(results, "ANTsPy")
    return _at_most(ours / reference, 1 / 8) if ours and reference else UNKNOWN


def _process_less_floor(results: Results) -> Judged:
    ours, floor, reference = (_process(results, name) for name in ("hepareg", "floor: imports and reading", "ANTsPy"))
    return _at_most((ours - floor) / reference, 1 / 25) if ours and floor and reference else UNKNOWN


def _warm_seconds(results: Results) -> Judged:
    seconds = _process(results, "hepareg, library call", "call_s")
    return _at_most(seconds, 0.8, unit=" s") if seconds else UNKNOWN


def _warm_ratio(results: Results) -> Judged:
    seconds, reference = _process(results, "hepareg, library call", "call_s"), _process(results, "ANTsPy", "call_s")
    return _at_most(seconds / reference, 1 / 30) if seconds and reference else UNKNOWN


def _memory(results: Results) -> Judged:
    ours, reference = _process(results, "hepareg", "peak_bytes"), _process(results, "ANTsPy", "peak_bytes")
    return _at_most(ours / reference, 1 / 3) if ours and reference else UNKNOWN


def _half_of_the_pairs(results: Results) -> Judged:
    differences = _differences(results)
    if not differences:
        return UNKNOWN
    share = sum(d <= 0 for d in differences) / len(differences)
    return f"{share:.0%} of {len(differences)}", share >= 0.5


def _never_worse(results: Results) -> Judged:
    differences = _differences(results)
    return _at_most(max(differences), TOLERATED_LOSS_MM, unit=" mm") if differences else UNKNOWN


def _silent(results: Results) -> Judged:
    rows = [row for name in ("comparison", "comparison_without_masks") for row in _rows(results, name)]
    ours = [row for row in rows if row["tool"] == "hepareg"]
    count = sum(map(is_silent, ours))
    return (f"{count} of {len(ours)} runs", count == 0) if ours else UNKNOWN


def _growth(results: Results) -> Judged:
    seconds = {
        tuple(row["fixed_shape"]): median(row["process_s"])
        for row in _rows(results, "speed")
        if (row["area"], row["name"], row["status"]) == ("size", "hepareg", "found")
    }
    short, long = seconds.get((512, 512, 200)), seconds.get((512, 512, 600))
    return _at_most(long / short, 2.5) if short and long else UNKNOWN


def _on_a_gpu(results: Results) -> Judged:
    seconds = _process(results, ON_CUDA, "call_s")
    return _at_most(seconds, 0.04, unit=" s") if seconds else ("not measured: no CUDA device at hand", None)


GOALS: Sequence[tuple[str, Callable[[Results], Judged]]] = (
    ("whole process (`--matrix-only`) at most 1/8 of ANTsPy's in the same run", _process_ratio),
    ("the same less the floor of imports and reading, at most 1/25", _process_less_floor),
    ("warm library call at most 0.8 s", _warm_seconds),
    ("warm library call at most 1/30 of ANTsPy's call", _warm_ratio),
    ("liver TRE, rigid masked pairs: at most ANTsPy's on half of the pairs", _half_of_the_pairs),
    (f"and never more than {TOLERATED_LOSS_MM} mm worse", _never_worse),
    ("no silent failure, with masks or without", _silent),
    ("peak memory at most 1/3 of ANTsPy's", _memory),
    ("512x512x600 in less than 2.5 times the time of 512x512x200", _growth),
    ("on an H100, warm call: at most 40 ms", _on_a_gpu),
    ("on an H100, batches of 32 pairs: at least 100 pairs a second", lambda _: UNKNOWN),
)


def _rows(results: Results, name: str) -> list[Row]:
    result = results[name]
    return result["rows"] if result else []


def _process(results: Results, name: str, field: str = "process_s") -> float | None:
    """Return a number of the standard pair, the median where it was run several times."""
    for row in _rows(results, "speed"):
        if row["area"] == "process" and row["name"] == name and row["status"] == "found" and row[field]:
            return median(row[field]) if isinstance(row[field], list) else row[field]
    return None


def _differences(results: Results) -> list[float]:
    """Return our TRE less the reference's on every rigid masked pair; infinite where we have no transform."""
    rows = [row for row in _rows(results, "comparison") if row["difficulty"] not in NOT_RIGID_AND_MASKED]
    reference = {row["pair"]: row["tre_mean_mm"] for row in rows if row["tool"] == REFERENCE}
    ours = {row["pair"]: row["tre_mean_mm"] for row in rows if row["tool"] == "hepareg"}
    both = [pair for pair in ours if reference.get(pair) is not None]
    return [float("inf") if ours[pair] is None else ours[pair] - reference[pair] for pair in both]


def _at_most(value: float, bound: float, *, unit: str = "") -> Judged:
    return f"{number(value, 3)}{unit}", value <= bound
