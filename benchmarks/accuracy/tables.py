"""Tables of hepareg's own accuracy: the core set, the stress set, and the pairs on parallel grids."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.accuracy.scoring import GOOD_MM, is_good
from benchmarks.accuracy.stress_pairs import ROTATION_BANDS_DEG, TRANSLATION_BANDS_MM
from benchmarks.tables import Column, Row, middle, table

__all__ = ["core_tables", "parallel_tables", "stress_tables"]

SURE_MM, FORESEEN_MM = 0.5, 0.2
HALF = 0.5
NOT_RIGID_OR_NOT_MASKED = frozenset({
    "no_mask", "beyond_capture_no_mask", "strong_bending", "wrong_patient", "mirrored", "empty_image", "mask_on_spleen",
    "mask_shifted", "one_mask_shifted",
})  # fmt: skip
JUDGEMENTS = ("true_accept", "false_accept", "false_alarm", "true_alarm")

COUNTS = tuple((name.replace("_", " ") + "s", name, "") for name in JUDGEMENTS)
METHODS: tuple[Column, ...] = (
    ("method", "method", ""), ("pairs", "num_pairs", ""), ("median liver TRE mm", "tre_mm", ".2f"),
    ("worst", "worst_mm", ".2f"), *COUNTS, ("median seconds", "seconds", ".1f"),
)  # fmt: skip
CASES: tuple[Column, ...] = (
    ("pair", "pair", ""), ("ended", "status", ""), ("start mm", "start_tre_mean_mm", ".1f"),
    ("liver TRE mean mm", "liver_tre_mean_mm", ".2f"), ("worst", "liver_tre_worst_mm", ".2f"),
    ("vessel TRE mm", "vessel_tre_mean_mm", ".2f"), ("rotation deg", "rotation_error_deg", ".2f"),
    ("translation mm", "translation_error_mm", ".2f"), ("Dice", "dice", ".3f"), ("verdict", "decision", ""),
    ("against the truth", lambda row: (row["judgement"] or "–").replace("_", " "), ""), ("seconds", "seconds", ".1f"),
    ("peak GB", lambda row: row["peak_memory_bytes"] * 1e-9, ".1f"),
)  # fmt: skip
TROUBLES: tuple[Column, ...] = (("trouble", "trouble", ""), ("pairs", "num_pairs", ""), ("good", "good", ""), *COUNTS)
PARALLEL: tuple[Column, ...] = (
    ("voxel mm", lambda row: " x ".join(map(str, row["spacing_mm"])), ""), ("displacement mm", "translation_mm", "g"),
    ("rotation deg", "rotation_deg", "g"), ("TRE mm", "tre_mean_mm", ".2f"), ("expected mm", "expected_tre_mm", ".2f"),
    ("pull mm", "pull_mm", ".2f"), ("verdict", "decision", ""),
    ("mean error x, y, z mm", lambda row: ", ".join(f"{value:+.2f}" for value in row["mean_error_mm"]), ""),
)  # fmt: skip


def core_tables(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return a table of all methods, and for each method its result and the table of its pairs."""
    return {
        "methods": table(map(_method, results), METHODS),
        "parts": [{"result": result, "cases": table(result["rows"], CASES)} for result in results],
    }


def _method(result: dict[str, Any]) -> Row:
    """Return a method's row; pairs whose images share their noise favour every method and are left out."""
    rows = [row for row in result["rows"] if row["difficulty"] != "shared_noise"]
    errors = [row["liver_tre_mean_mm"] for row in rows if row["liver_tre_mean_mm"] is not None]
    return {
        "method": result["method"], "num_pairs": len(rows), "tre_mm": middle(errors),
        "worst_mm": max(errors, default=None), "seconds": middle(row["seconds"] for row in rows), **_judgements(rows),
    }  # fmt: skip


def parallel_tables(result: dict[str, Any]) -> dict[str, Any]:
    """Return the table of the pairs, their number, and on how many the expected error is at least the true one."""
    rows = result["rows"]
    bounded = sum(row["tre_mean_mm"] <= row["expected_tre_mm"] for row in rows)
    return {"result": result, "pairs": table(rows, PARALLEL), "num_pairs": len(rows), "num_bounded": bounded}


def stress_tables(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the result of each method with its tables and shares."""
    return {"good_mm": GOOD_MM, "parts": [_stress(result) for result in results]}


def _stress(result: dict[str, Any]) -> dict[str, Any]:
    rows = result["rows"]
    troubles = []
    for name in sorted({row["trouble"] for row in rows}):
        own = [row for row in rows if row["trouble"] == name]
        troubles.append({"trouble": name, "num_pairs": len(own), "good": sum(map(_good, own)), **_judgements(own)})
    answered = [row for row in rows if row["liver_tre_mean_mm"] is not None]
    exact = [row for row in answered if row["liver_tre_mean_mm"] < SURE_MM]
    sure = [row for row in exact if row["trouble"] not in NOT_RIGID_OR_NOT_MASKED]
    accepted = [row for row in answered if row["decision"] == "accept"]
    return {
        "result": result,
        "good": _share(map(_good, rows)),
        "capture": capture_table(rows),
        "troubles": table(troubles, TROUBLES),
        "num_false_accepts": sum(row["judgement"] == "false_accept" for row in rows),
        "num_accepted_without_mask": sum(row["decision"] == "accept" for row in rows if not row["masks"]),
        "sure_accepted": _share(row["decision"] == "accept" for row in sure),
        "sure_in_view_accepted": _share(row["decision"] == "accept" for row in sure if _in_view(row)),
        "foreseen_accepted": _share(map(_foreseen, accepted)),
        "foreseen": _share(map(_foreseen, answered)),
    }


def capture_table(rows: Sequence[Row]) -> str:
    """Return the success rate in % for each band of the body's translation and rotation."""
    lines = []
    for rotation in ROTATION_BANDS_DEG:
        line: dict[Any, Any] = {"rotation": "{:.0f}-{:.0f} deg".format(*rotation)}
        for translation in TRANSLATION_BANDS_MM:
            bands = [list(translation), list(rotation)]
            own = [_good(row) for row in rows if [row["translation_mm"], row["rotation_deg"]] == bands]
            line[translation] = 100 * sum(own) / len(own) if own else None
        lines.append(line)
    return table(
        lines, [("", "rotation", ""), *((f"{a:.0f}-{b:.0f} mm", (a, b), ".0f") for a, b in TRANSLATION_BANDS_MM)]
    )


def _judgements(rows: Sequence[Row]) -> dict[str, int]:
    counts = Counter(row["judgement"] for row in rows)
    return {name: counts[name] for name in JUDGEMENTS}


def _good(row: Row) -> bool:
    return is_good(row["liver_tre_mean_mm"])


def _in_view(row: Row) -> bool:
    """Return whether both images show half of the liver: the bending of an unseen part cannot be known."""
    return (row["evidence"] or {}).get("overlap_share", 1.0) >= HALF


def _foreseen(row: Row) -> bool:
    """Return whether the expected error is within a factor of 2, or 0.2 mm, of the true one."""
    true, expected = row["liver_tre_mean_mm"], row["expected_tre_mm"]
    if expected is None:
        return False
    return true / 2 <= expected <= 2 * true or abs(expected - true) <= FORESEEN_MM


def _share(hits: Iterable[bool]) -> str:
    known = list(hits)
    return f"{100 * sum(known) / len(known):.1f} % of {len(known)}" if known else "none"
