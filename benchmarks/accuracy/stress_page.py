"""Tables of the stress set: success over the capture range, the verdict against the truth."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from benchmarks.accuracy import ACCURACY_RESULTS
from benchmarks.accuracy.scoring import GOOD_MM
from benchmarks.accuracy.stress_pairs import ROTATION_BANDS_DEG, TRANSLATION_BANDS_MM
from hepareg.io.json import read_json

__all__ = ["capture_table", "goals_table", "is_good", "verdict_table", "write_page"]

SURE_MM = 0.5
"""Rigid, masked pairs with an error below this ought to be accepted."""
HALF = 0.5
NOT_RIGID_OR_NOT_MASKED = frozenset({
    "no_mask", "beyond_capture_no_mask", "strong_bending", "wrong_patient", "mirrored", "empty_image", "mask_on_spleen",
    "mask_shifted", "one_mask_shifted",
})  # fmt: skip

NOT_HELD_OUT = (
    "Pairs of even and of odd number apart. The verdict's limits were chosen on an earlier run over pairs of both, "
    "so that neither half is held out:"
)


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
        parts += ["", NOT_HELD_OUT, ""]
        parts += [goals_table(rows)]
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


def goals_table(rows: Sequence[dict[str, Any]]) -> str:
    """Return what the verdict has to reach, for the pairs that its limits were set on and for the others."""
    lines = [
        "| pairs | accepted though wrong | no mask, accepted | "
        f"accepted of rigid masked pairs below {SURE_MM} mm | of those with half of the liver in view | "
        "expected error within a factor 2 or 0.2 mm, of accepted pairs | of all pairs with an answer |",
        "|" + "---|" * 7,
    ]
    for name, odd in (("even", 0), ("odd", 1)):
        here = [row for row in rows if row["pair"] % 2 == odd]
        false = sum(row["judgement"] == "false_accept" for row in here)
        unmasked = sum(row["decision"] == "accept" for row in here if not row["masks"])
        sure = [row for row in here if row["trouble"] not in NOT_RIGID_OR_NOT_MASKED and _below(row, SURE_MM)]
        answered = [row for row in here if row["liver_tre_mean_mm"] is not None]
        accepted = [row for row in answered if row["decision"] == "accept"]
        shares = [
            _share([row["decision"] == "accept" for row in sure]),
            _share([row["decision"] == "accept" for row in sure if _in_view(row)]),
            _share([_foreseen(row) for row in accepted]),
            _share([_foreseen(row) for row in answered]),
        ]
        lines.append(f"| {name}: {len(here)} | {false} | {unmasked} | " + " | ".join(shares) + " |")
    return "\n".join(lines)


def _below(row: dict[str, Any], limit_mm: float) -> bool:
    return row["liver_tre_mean_mm"] is not None and row["liver_tre_mean_mm"] < limit_mm


def _in_view(row: dict[str, Any]) -> bool:
    """Return whether both images show half of the liver: how the rest bends cannot be seen, and goes to review."""
    return (row["evidence"] or {}).get("overlap_share", 1.0) >= HALF


def _foreseen(row: dict[str, Any]) -> bool:
    """Return whether the expected error is within a factor 2, or 0.2 mm, of the true one."""
    true, expected = row["liver_tre_mean_mm"], row["expected_tre_mm"]
    if expected is None:
        return False
    return true / 2 <= expected <= 2 * true or abs(expected - true) <= 0.2


def _share(hits: Sequence[bool]) -> str:
    return f"{100 * sum(hits) / len(hits):.1f} % of {len(hits)}" if hits else "-"
