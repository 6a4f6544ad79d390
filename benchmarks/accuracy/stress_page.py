"""Tables of the stress set: success over the capture range, the verdict against the truth."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from benchmarks.accuracy import ACCURACY_RESULTS
from benchmarks.accuracy.scoring import GOOD_MM
from benchmarks.accuracy.stress_pairs import ROTATION_BANDS_DEG, TRANSLATION_BANDS_MM
from hepareg.io.json import read_json

__all__ = ["capture_table", "is_good", "verdict_table", "write_page"]


def is_good(row: dict[str, Any]) -> bool:
    """Return whether the row's result is good."""
    return row["liver_tre_mean_mm"] is not None and row["liver_tre_mean_mm"] <= GOOD_MM


def write_page() -> None:
    """Write ``stress.md`` from all result files of the set."""
    parts = ["# Stress set", "", "Simulated phases, known truth. Made by `python -m benchmarks.accuracy.stress`."]
    for path in sorted(ACCURACY_RESULTS.glob("stress_*.json")):
        result = read_json(path)
        rows = result["rows"]
        good = 100 * sum(map(is_good, rows)) / len(rows)
        parts += ["", f"## {result['method']}", ""]
        parts += [
            f"{len(rows)} pairs, commit {result['commit'][:12]}. Good (liver TRE up to {GOOD_MM} mm): {good:.1f} %."
        ]
        parts += ["", "Success rate in % over the pose of the body:", "", capture_table(rows)]
        parts += ["", "Verdict against truth, by what else is wrong with the pair:", "", verdict_table(rows)]
    (ACCURACY_RESULTS / "stress.md").write_text("\n".join(parts) + "\n")


def capture_table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the success rate for every band of translation and rotation."""
    lines = ["| | " + " | ".join(f"{a:.0f}-{b:.0f} mm" for a, b in TRANSLATION_BANDS_MM) + " |", "|" + "---|" * 7]
    for rotation in ROTATION_BANDS_DEG:
        cells = []
        for translation in TRANSLATION_BANDS_MM:
            here = [r for r in rows if r["translation_mm"] == list(translation) and r["rotation_deg"] == list(rotation)]
            cells.append(f"{100 * sum(map(is_good, here)) / len(here):.0f}" if here else "-")
        lines.append(f"| {rotation[0]:.0f}-{rotation[1]:.0f} deg | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def verdict_table(rows: Sequence[dict[str, Any]]) -> str:
    """Return how verdicts stood against the truth, for every trouble."""
    names = ("true_accept", "false_accept", "false_alarm", "true_alarm")
    lines = ["| trouble | pairs | good | " + " | ".join(n.replace("_", " ") for n in names) + " |", "|" + "---|" * 7]
    for trouble in sorted({row["trouble"] for row in rows}):
        here = [row for row in rows if row["trouble"] == trouble]
        counts = Counter(row["judgement"] for row in here)
        told = " | ".join(str(counts[name]) for name in names)
        lines.append(f"| {trouble} | {len(here)} | {sum(map(is_good, here))} | {told} |")
    return "\n".join(lines)
