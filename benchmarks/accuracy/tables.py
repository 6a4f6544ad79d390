"""Tables of hepareg's own accuracy: the sets of named pairs, and the stress set."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.accuracy.scoring import GOOD_MM, is_good
from benchmarks.accuracy.stress_pairs import ROTATION_BANDS_DEG, TRANSLATION_BANDS_MM
from benchmarks.tables import Column, Row, table

__all__ = ["named_tables", "share", "stress_tables"]

FORESEEN_MM = 0.2
JUDGEMENTS = ("true_accept", "false_accept", "false_alarm", "true_alarm")

CASES: tuple[Column, ...] = (
    ("pair", "pair", ""), ("kind", "difficulty", ""), ("ended", "status", ""), ("start mm", "start_tre_mean_mm", ".1f"),
    ("liver TRE mean mm", "liver_tre_mean_mm", ".2f"), ("worst", "liver_tre_worst_mm", ".2f"),
    ("expected mm", "expected_tre_mm", ".2f"),
    ("pull mm", lambda row: (row["evidence"] or {}).get("interpolation_pull_mm"), ".2f"),
    ("rotation deg", "rotation_error_deg", ".2f"),
    ("translation mm", "translation_error_mm", ".2f"), ("Dice", "dice", ".3f"), ("verdict", "decision", ""),
    ("against the truth", lambda row: (row["judgement"] or "–").replace("_", " "), ""), ("seconds", "seconds", ".1f"),
    ("peak GB", lambda row: row["peak_memory_bytes"] * 1e-9, ".1f"),
)  # fmt: skip
TROUBLES: tuple[Column, ...] = (
    ("trouble", "trouble", ""), ("pairs", "num_pairs", ""), ("good", "good", ""),
    *((name.replace("_", " ") + "s", name, "") for name in JUDGEMENTS),
)  # fmt: skip


def named_tables(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return for each method its result, the table of its pairs, and how often the expected error is too small."""
    return {"parts": [{"result": result, **_named(result["rows"])} for result in results]}


def _named(rows: Sequence[Row]) -> Row:
    judged = [row for row in rows if row["liver_tre_mean_mm"] is not None and row["expected_tre_mm"] is not None]
    exceeded = sum(row["liver_tre_mean_mm"] > row["expected_tre_mm"] for row in judged)
    return {"cases": table(rows, CASES, left=2), "num_judged": len(judged), "num_exceeded": exceeded}


def stress_tables(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the result of each method with its tables and shares."""
    return {"good_mm": GOOD_MM, "parts": [_stress(result) for result in results]}


def _stress(result: dict[str, Any]) -> dict[str, Any]:
    rows = result["rows"]
    troubles = []
    for name in sorted({row["trouble"] for row in rows}):
        own = [row for row in rows if row["trouble"] == name]
        counts = Counter(row["judgement"] for row in own)
        judgements = {judgement: counts[judgement] for judgement in JUDGEMENTS}
        troubles.append({"trouble": name, "num_pairs": len(own), "good": sum(map(_good, own)), **judgements})
    answered = [row for row in rows if row["liver_tre_mean_mm"] is not None]
    return {
        "result": result,
        "good": share(map(_good, rows)),
        "capture": capture_table(rows),
        "troubles": table(troubles, TROUBLES),
        "num_false_accepts": sum(row["judgement"] == "false_accept" for row in rows),
        "foreseen_accepted": share(_foreseen(row) for row in answered if row["decision"] == "accept"),
        "foreseen": share(map(_foreseen, answered)),
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


def _good(row: Row) -> bool:
    return is_good(row["liver_tre_mean_mm"])


def _foreseen(row: Row) -> bool:
    """Return whether the expected error is within a factor of 2, or 0.2 mm, of the true one."""
    true, expected = row["liver_tre_mean_mm"], row["expected_tre_mm"]
    if expected is None:
        return False
    return true / 2 <= expected <= 2 * true or abs(expected - true) <= FORESEEN_MM


def share(hits: Iterable[bool], *, digits: int = 1) -> str:
    """Return the share of hits in per cent, with that many digits after the point, and the number of all."""
    known = list(hits)
    return f"{100 * sum(known) / len(known):.{digits}f} % of {len(known)}" if known else "none"
