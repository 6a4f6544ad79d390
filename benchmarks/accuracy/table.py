"""Tables of accuracy results: made from the result files, never typed."""

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.accuracy import ACCURACY_RESULTS
from hepareg.io.json import read_json

__all__ = ["case_table", "summary_table", "write_tables"]

Row = dict[str, Any]

COLUMNS = (
    ("liver TRE mean (mm)", "liver_tre_mean_mm", "{:.2f}"),
    ("worst", "liver_tre_worst_mm", "{:.2f}"),
    ("vessel TRE (mm)", "vessel_tre_mean_mm", "{:.2f}"),
    ("rotation (deg)", "rotation_error_deg", "{:.2f}"),
    ("translation (mm)", "translation_error_mm", "{:.2f}"),
    ("Dice", "dice", "{:.3f}"),
    ("verdict", "decision", "{}"),
    ("against truth", "judgement", "{}"),
    ("seconds", "seconds", "{:.1f}"),
)


def write_tables() -> None:
    """Write ``core.md`` from every ``core_*.json`` beside it."""
    results = [read_json(path) for path in sorted(ACCURACY_RESULTS.glob("core_*.json"))]
    parts = [
        "# Accuracy on the core set",
        "",
        "Simulated phases, known truth. Made by `python -m benchmarks.accuracy.core`.",
    ]
    parts += ["", summary_table(results)]
    for result in results:
        device = result["device"]
        about = f"Commit {result['commit'][:12]}, {device['cores']} cores ({device['processor']})."
        parts += ["", f"## {result['method']}", "", about, "", case_table(result["rows"])]
    (ACCURACY_RESULTS / "core.md").write_text("\n".join(parts) + "\n")


def case_table(rows: Sequence[Row]) -> str:
    """Return a table with a line for every pair."""
    names = [name for name, _, _ in COLUMNS]
    lines = ["| pair | start (mm) | " + " | ".join(names) + " | peak (GB) |", "|" + "---|" * (len(names) + 3)]
    for row in rows:
        cells = [_cell(row[key], text) for _, key, text in COLUMNS]
        if row["status"] != "found":
            cells[0] = row["status"]
        lines.append(
            f"| {row['pair']} | {row['start_tre_mean_mm']:.1f} | "
            + " | ".join(cells)
            + f" | {row['peak_memory_bytes'] / 1e9:.1f} |"
        )
    return "\n".join(lines)


def summary_table(results: Sequence[Row]) -> str:
    """Return a table with a line for every method; shared noise is a case of its own and not counted."""
    lines = [
        "| method | pairs | median liver TRE (mm) | worst | true accepts | false accepts | false alarms | true alarms "
        "| median seconds |",
        "|" + "---|" * 9,
    ]
    for result in results:
        rows = [row for row in result["rows"] if row["difficulty"] != "shared_noise"]
        errors = [row["liver_tre_mean_mm"] for row in rows if row["liver_tre_mean_mm"] is not None]
        counts = Counter(row["judgement"] for row in rows)
        told = " | ".join(str(counts[k]) for k in ("true_accept", "false_accept", "false_alarm", "true_alarm"))
        middle, worst = (_cell(f(errors) if errors else None, "{:.2f}") for f in (median, max))
        seconds = _cell(median(row["seconds"] for row in rows) if rows else None, "{:.1f}")
        lines.append(f"| {result['method']} | {len(rows)} | {middle} | {worst} | {told} | {seconds} |")
    return "\n".join(lines)


def _cell(value: Any, text: str) -> str:
    return "-" if value is None else text.format(value)
