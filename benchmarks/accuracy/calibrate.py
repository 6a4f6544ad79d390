"""How each limit of the verdict stands on pairs with a known answer: ``python -m benchmarks.accuracy.calibrate``.

Applies the rules again to the committed evidence of the stress and the core set and writes
``benchmarks/results/accuracy/verdict_limits.json``, from which ``docs/verdict.md`` is made. It changes no limit.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from benchmarks.accuracy.known_rows import KnownRow, known_rows
from benchmarks.accuracy.scoring import GOOD_MM
from benchmarks.results import ACCURACY_RESULTS
from hepareg.io.json import read_json, write_json
from hepareg.registration.evidence import Evidence
from hepareg.registration.expected_error import expected_error
from hepareg.registration.verdict_settings import VerdictSettings

__all__ = ["LARGEST", "LIMITS", "RESULT", "SMALLEST", "calibrate", "main"]

RESULT = ACCURACY_RESULTS / "verdict_limits.json"
SETS = {"stress": "stress_hepareg", "core": "core_hepareg"}
DEFAULTS = VerdictSettings()
Number = Callable[[Evidence], float | None]


def _confirmed(evidence: Evidence) -> bool:
    return evidence.dice_after is not None and evidence.dice_after >= DEFAULTS.confirming_dice


def _dice_where_needed(evidence: Evidence) -> float | None:
    """Return the Dice of the masks for a result that is accepted only if the masks confirm the place."""
    needed = DEFAULTS.min_basin_depth_confirmed <= evidence.basin_depth < DEFAULTS.min_basin_depth
    return evidence.dice_after if needed else None


def _exchanged_contrast_hu(evidence: Evidence) -> float | None:
    """Return how much more the largest vessel stands out in the fixed image, or None if it was not measured."""
    if evidence.fixed_vessel_contrast_hu is None or evidence.moving_vessel_contrast_hu is None:
        return None
    return evidence.fixed_vessel_contrast_hu - evidence.moving_vessel_contrast_hu


LARGEST: dict[str, Number] = {
    "accept_mm": lambda evidence: expected_error(evidence, DEFAULTS).mean_mm,
    "accept_p95_mm": lambda evidence: expected_error(evidence, DEFAULTS).p95_mm,
    "max_left_p95_mm": lambda evidence: evidence.left_p95_mm,
    "explained_share_tolerance": lambda evidence: evidence.explained_share_start - evidence.explained_share,
    "max_inverse_consistency_mm": lambda evidence: evidence.inverse_consistency_mm,
    "max_slice_order_ratio": lambda evidence: evidence.slice_order_ratio,
    "max_slice_gap": lambda evidence: evidence.slice_gap,
    "max_liver_ml": lambda evidence: evidence.largest_mask_ml,
    "max_exchanged_contrast_hu": _exchanged_contrast_hu,
    "max_flatness_mm": lambda evidence: evidence.flatness_mm,
    "max_surface_shift_mm": lambda evidence: evidence.surface_shift_mm,
    "max_stretch_share": lambda evidence: evidence.stretch_share,
    "max_slab_shift_mm": lambda evidence: evidence.slab_shift_mm,
}
"""Limits that keep a result with a larger number from an accept; the number is None if the limit does not apply."""
SMALLEST: dict[str, Number] = {
    "min_explained_share": lambda evidence: evidence.explained_share,
    "min_basin_depth": lambda evidence: None if _confirmed(evidence) else evidence.basin_depth,
    "confirming_dice": _dice_where_needed,
    "min_basin_depth_confirmed": lambda evidence: evidence.basin_depth if _confirmed(evidence) else None,
    "min_rival_gap": lambda evidence: evidence.rival_gap,
    "min_overlap_share": lambda evidence: evidence.overlap_share,
    "min_dice": lambda evidence: evidence.dice_after,
    "min_liver_ml": lambda evidence: evidence.liver_ml,
    "min_soft_tissue_share": lambda evidence: evidence.soft_tissue_share,
    "min_mask_homogeneity": lambda evidence: evidence.mask_homogeneity,
}
"""Limits that keep a result with a smaller number from an accept."""
LIMITS = LARGEST | SMALLEST
"""The limits that can keep a result from an accept; the ``reject_`` limits only part review from reject."""


def main() -> None:
    """Write the result file."""
    write_json(RESULT, calibrate())


def calibrate() -> dict[str, Any]:
    """Return how the rules decide on the committed rows, and how every limit stands there, ready for JSON."""
    rows = {name: known_rows(file) for name, file in SETS.items()}
    commits = {name: read_json(ACCURACY_RESULTS / f"{file}.json")["commit"] for name, file in SETS.items()}
    everything = [known for name in SETS for known in rows[name]]
    return {
        "kind": "verdict limits",
        "good_mm": GOOD_MM,
        "settings": asdict(DEFAULTS),
        "sets": {name: {"commit": commits[name], **_counts(rows[name])} for name in SETS},
        "limits": {name: _limit(name, everything) for name in LIMITS},
    }


def _counts(rows: Sequence[KnownRow]) -> dict[str, int]:
    """Return the numbers of good and wrong results, of those accepted, and of good ones worse than was expected."""
    good, wrong = ([known for known in rows if known.is_good is wanted] for wanted in (True, False))
    worse = [known for known in good if known.row["liver_tre_mean_mm"] > known.verdict.expected_liver_tre_mm]
    return {
        "good": len(good),
        "good_accepted": sum(not known.doubts for known in good),
        "good_worse_than_expected": len(worse),
        "wrong": len(wrong),
        "wrong_accepted": sum(not known.doubts for known in wrong),
    }


def _limit(name: str, rows: Sequence[KnownRow]) -> dict[str, float | None]:
    """Return how far a limit can be moved without an effect on the rows.

    ``free_to`` is the number of the nearest wrong result that this limit alone keeps from an accept: false accepts stay
    at 0 until the limit reaches it; None if there is no such result. ``accepted_reach`` is the most extreme number
    of the accepted good results: until there the limit can be made stricter at no cost.
    """
    nearest, farthest = (min, max) if name in LARGEST else (max, min)
    off = replace(DEFAULTS, **{name: math.inf if name in LARGEST else -math.inf})
    refused = [known for known in rows if not known.is_good and known.doubts]
    wrong = _numbers(name, [known for known in refused if not known.doubts_under(off)])
    accepted = _numbers(name, [known for known in rows if known.is_good and not known.doubts])
    # Four digits are the same on every machine.
    return {
        "free_to": float(f"{nearest(wrong):.4g}") if wrong else None,
        "accepted_reach": float(f"{farthest(accepted):.4g}") if accepted else None,
    }


def _numbers(name: str, rows: Sequence[KnownRow]) -> list[float]:
    return [number for known in rows if (number := LIMITS[name](known.evidence)) is not None]


if __name__ == "__main__":
    main()
