"""The goals that were set for hepareg, and what the result files say about each."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from benchmarks.gpu_page import pairs_per_second, warm_seconds
from benchmarks.peers import REFERENCE
from benchmarks.tables import ENDED_WELL, TOLERATED_LOSS_MM, Row, is_rigid_and_masked, is_silent, markdown, number

__all__ = ["goals_section"]

Results = dict[str, dict[str, Any] | None]
HEPAREG, CALL, FLOOR, PEER = "hepareg", "hepareg, library call", "floor: imports and reading", "ANTsPy"
"""Names of the speed result's rows that goals speak of; the keys of the comparison's are in `KEYS`."""
KEYS = {HEPAREG: "hepareg", CALL: "hepareg_call", FLOOR: "floor", PEER: REFERENCE}

Judged = tuple[str, bool | None]
"""What was measured, in words, and whether it reaches the goal; None where nothing was measured."""
Values = dict[str, float]

NO_SPEED: Judged = ("not measured: the speed of the standard pair has not been run", None)
NO_COMPARISON: Judged = ("not measured: no comparison has been run", None)
NO_CUDA: Judged = ("not measured: no CUDA device at hand", None)


def goals_section(results: Results) -> str:
    """Return the table of goals."""
    table = []
    for goal, judge in GOALS:
        measured, reached = judge(results)
        pairs = _on_the_pairs(results, RATIOS[goal]) if goal in RATIOS else "–"
        table.append([goal, measured, {True: "yes", False: "**no**", None: "–"}[reached], pairs])
    header = ["goal", "measured", "reached", "median of the comparison's pairs"]
    return f"## Goals\n\n{STANDARD}\n\n{markdown(header, table)}"


STANDARD = """\
Time and memory are stated for one pair, 512x512x119 and 476x476x153, masks given, and judged by it; the last column
has the same number over the pairs of the comparison with masks."""


def _ratio(names: Sequence[str], field: str, of: Callable[..., float], bound: float) -> Callable[[Results], Judged]:
    """Return the judge of a number that is made of the standard pair's values."""

    def judge(results: Results) -> Judged:
        values = [_process(results, name, field) for name in names]
        return NO_SPEED if None in values else _at_most(of(*values), bound)

    return judge


def _on_the_pairs(results: Results, ratio: tuple[Sequence[str], str, Callable[..., float]]) -> str:
    """Return the median over the comparison's pairs of the number that the standard pair is judged by."""
    names, field, of = ratio
    pairs: dict[str, Values] = {}
    for row in _rows(results, "comparison"):
        if row[field] and row["status"] in ENDED_WELL:
            pairs.setdefault(row["pair"], {})[row["tool"]] = row[field]
    keys = [KEYS[name] for name in names]
    found = [of(*(values[key] for key in keys)) for values in pairs.values() if all(key in values for key in keys)]
    return f"{number(median(found), 3)} ({len(found)} pairs)" if found else "–"


def _warm_seconds(results: Results) -> Judged:
    seconds = _process(results, CALL, "call_s")
    return _at_most(seconds, 0.8, unit=" s") if seconds else NO_SPEED


def _half_of_the_pairs(results: Results) -> Judged:
    differences = _differences(results)
    if not differences:
        return NO_COMPARISON
    share = sum(d <= 0 for d in differences) / len(differences)
    return f"{share:.0%} of {len(differences)}", share >= 0.5


def _never_worse(results: Results) -> Judged:
    differences = _differences(results)
    return _at_most(max(differences), TOLERATED_LOSS_MM, unit=" mm") if differences else NO_COMPARISON


def _silent(results: Results) -> Judged:
    comparisons = [name for name in results if name.startswith("comparison")]
    rows = [row for name in comparisons for row in _rows(results, name) if row["tool"] == "hepareg"]
    with_masks, without = ([row for row in rows if row["masks"] is given] for given in (True, False))
    count = sum(map(is_silent, [*with_masks, *without]))
    if not (with_masks or without):
        return NO_COMPARISON
    judged = None if count == 0 and not (with_masks and without) else count == 0
    return f"{count} of {len(with_masks)} runs with masks and {len(without)} without", judged


def _growth(results: Results) -> Judged:
    seconds = {
        tuple(row["fixed_shape"]): median(row["process_s"])
        for row in _rows(results, "speed")
        if (row["area"], row["name"], row["status"]) == ("size", "hepareg", "found")
    }
    short, long = seconds.get((512, 512, 200)), seconds.get((512, 512, 600))
    missing: Judged = ("not measured: the growth with the volume has not been run", None)
    return _at_most(long / short, 2.5) if short and long else missing


def _on_a_gpu(results: Results) -> Judged:
    result = results["gpu"]
    if result is None:
        return NO_CUDA
    measured, reached = _at_most(warm_seconds(result), 0.04, unit=" s")
    return f"{measured} ({result['device']['gpu']})", reached


def _batches_on_a_gpu(results: Results) -> Judged:
    result = results["gpu"]
    if result is None:
        return NO_CUDA
    rate = pairs_per_second(result)
    return f"{number(rate, 0)} pairs/s ({result['device']['gpu']})", rate >= 100


def _quotient(ours: float, reference: float) -> float:
    return ours / reference


def _quotient_less_floor(ours: float, floor: float, reference: float) -> float:
    return (ours - floor) / reference


PROCESS = "whole process (`--matrix-only`) at most 1/8 of ANTsPy's in the same run"
LESS_FLOOR = "the same less the floor of imports and reading, at most 1/25"
WARM_RATIO = "warm library call at most 1/30 of ANTsPy's call"
MEMORY = "peak memory at most 1/3 of ANTsPy's"
RATIOS: dict[str, tuple[Sequence[str], str, Callable[..., float]]] = {
    PROCESS: ((HEPAREG, PEER), "process_s", _quotient),
    LESS_FLOOR: ((HEPAREG, FLOOR, PEER), "process_s", _quotient_less_floor),
    WARM_RATIO: ((CALL, PEER), "call_s", _quotient),
    MEMORY: ((HEPAREG, PEER), "peak_bytes", _quotient),
}
"""Goals that are ratios of one pair's values: the rows, the field, and the number made of them."""

GOALS: Sequence[tuple[str, Callable[[Results], Judged]]] = (
    (PROCESS, _ratio(*RATIOS[PROCESS], 1 / 8)),
    (LESS_FLOOR, _ratio(*RATIOS[LESS_FLOOR], 1 / 25)),
    ("warm library call at most 0.8 s", _warm_seconds),
    (WARM_RATIO, _ratio(*RATIOS[WARM_RATIO], 1 / 30)),
    ("liver TRE, rigid masked pairs: at most ANTsPy's on half of the pairs", _half_of_the_pairs),
    (f"and never more than {TOLERATED_LOSS_MM} mm worse", _never_worse),
    ("no silent failure, with masks or without", _silent),
    (MEMORY, _ratio(*RATIOS[MEMORY], 1 / 3)),
    ("512x512x600 in less than 2.5 times the time of 512x512x200", _growth),
    ("on an H100, warm call: at most 40 ms", _on_a_gpu),
    ("on an H100, batches of 32 pairs: at least 100 pairs a second", _batches_on_a_gpu),
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
    rows = [row for row in _rows(results, "comparison") if is_rigid_and_masked(row)]
    reference = {row["pair"]: row["tre_mean_mm"] for row in rows if row["tool"] == REFERENCE}
    ours = {row["pair"]: row["tre_mean_mm"] for row in rows if row["tool"] == "hepareg"}
    both = [pair for pair in ours if reference.get(pair) is not None]
    return [float("inf") if ours[pair] is None else ours[pair] - reference[pair] for pair in both]


def _at_most(value: float, bound: float, *, unit: str = "") -> Judged:
    return f"{number(value, 3)}{unit}", value <= bound
