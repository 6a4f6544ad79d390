"""The stress set: success rate over the capture range, and the verdict against the truth.

``python -m benchmarks.accuracy.stress [--register MODULE:FUNCTION] [--name NAME] [--number N]`` simulates the pairs one
by one in memory, runs the method on them, and writes ``benchmarks/results/accuracy/stress_NAME.json`` and a page.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.accuracy import ACCURACY_RESULTS
from benchmarks.accuracy.case import Case
from benchmarks.accuracy.scoring import GOOD_MM, load_register, score_case
from benchmarks.accuracy.stress_pairs import (
    NUM_PAIRS,
    ROTATION_BANDS_DEG,
    TRANSLATION_BANDS_MM,
    simulate_stress,
    stress_pairs,
)
from benchmarks.results import provenance
from hepareg.io.json import read_json, write_json

__all__ = ["capture_table", "main", "run", "verdict_table"]

SAVE_EVERY = 10


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--register", default="hepareg:register", metavar="MODULE:FUNCTION")
    parser.add_argument("--name", default="hepareg", help="name of the method in tables")
    parser.add_argument("--number", type=int, default=NUM_PAIRS, help="only the first so many pairs")
    arguments = parser.parse_args()
    run(register=arguments.register, name=arguments.name, number=arguments.number)
    write_page()


def run(*, register: str, name: str, number: int, results: Path = ACCURACY_RESULTS) -> list[dict[str, Any]]:
    """Run a method on the set and write its result file."""
    results.mkdir(parents=True, exist_ok=True)
    settings = {"register": register, "good_mm": GOOD_MM, "number": number}
    about = {"kind": "accuracy", "method": name, **provenance(settings)}
    function, rows = load_register(register), []
    for pair, made in simulate_stress(stress_pairs(number)):
        row = score_case(Case.of(made), function, masks=True).as_row()
        facts = {"pair": pair.number, "trouble": pair.trouble}
        bands = {"translation_mm": list(pair.translation_mm), "rotation_deg": list(pair.rotation_deg)}
        rows.append({**facts, **bands, **row})
        if len(rows) % SAVE_EVERY == 0 or len(rows) == number:
            write_json(results / f"stress_{name}.json", {**about, "rows": rows})
            print(f"{len(rows)} of {number}: {sum(map(is_good, rows))} good", flush=True)
    return rows


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


if __name__ == "__main__":
    main()
