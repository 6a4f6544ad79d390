"""How each limit of the verdict stands on pairs with a known answer: ``python -m benchmarks.accuracy.calibrate``.

Applies the rules again to the committed evidence of the stress and the core set, with each rule and each limit left
out in turn, and writes ``benchmarks/results/accuracy/verdict_limits.json``, from which ``docs/verdict.md`` is made. The
script reports; it changes no limit.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from benchmarks.accuracy.known_rows import KnownRow, known_rows
from benchmarks.accuracy.scoring import GOOD_MM
from benchmarks.results import ACCURACY_RESULTS
from hepareg.io.json import read_json, write_json
from hepareg.registration.evidence import Evidence
from hepareg.registration.expected_error import expected_error
from hepareg.registration.result import Decision
from hepareg.registration.verdict import judge
from hepareg.registration.verdict_rules import RULES, rule_of
from hepareg.registration.verdict_settings import VerdictSettings

__all__ = ["FACTORS", "LIMITS", "RESULT", "Limit", "calibrate", "main"]

RESULT = ACCURACY_RESULTS / "verdict_limits.json"
SETS = {"stress": "stress_hepareg", "core": "core_hepareg"}
DEFAULTS = VerdictSettings()


@dataclass(frozen=True)
class Limit:
    """One limit of the verdict, as the calibration reads and disables it.

    ``number`` returns the number that is compared with the limit, or None if the limit does not apply. ``off`` is the
    value of the limit that disables it.
    """

    number: Callable[[Evidence], float | None]
    off: float


def _number(name: str, off: float) -> Limit:
    return Limit(lambda evidence: getattr(evidence, name), off)


def _basin_depth(*, confirmed: bool) -> Limit:
    return Limit(lambda evidence: evidence.basin_depth if _confirmed(evidence) == confirmed else None, -math.inf)


def _needs_masks(evidence: Evidence) -> bool:
    """Return whether a result is accepted only if the masks confirm the place."""
    return DEFAULTS.min_basin_depth_confirmed <= evidence.basin_depth < DEFAULTS.min_basin_depth


def _confirmed(evidence: Evidence) -> bool:
    return evidence.dice_after is not None and evidence.dice_after >= DEFAULTS.confirming_dice


LIMITS = {
    "accept_mm": Limit(lambda evidence: expected_error(evidence, DEFAULTS), math.inf),
    "max_bend_rms_mm": _number("bend_rms_mm", math.inf),
    "min_explained_share": _number("explained_share", -math.inf),
    "explained_share_tolerance": Limit(
        lambda evidence: evidence.explained_share_start - evidence.explained_share, math.inf
    ),
    "min_basin_depth": _basin_depth(confirmed=False),
    "confirming_dice": Limit(lambda evidence: evidence.dice_after if _needs_masks(evidence) else None, -math.inf),
    "min_basin_depth_confirmed": _basin_depth(confirmed=True),
    "min_rival_gap": _number("rival_gap", -math.inf),
    "min_overlap_share": _number("overlap_share", -math.inf),
    "min_dice": _number("dice_after", -math.inf),
    "max_inverse_consistency_mm": _number("inverse_consistency_mm", math.inf),
    "min_liver_ml": _number("liver_ml", -math.inf),
    "min_soft_tissue_share": _number("soft_tissue_share", -math.inf),
}
"""The limits that can keep a result from an accept; the ``reject_`` limits only part review from reject."""

FACTORS = ("floor_mm", "uncertainty_factor", "voxel_bias_per_mm", "shared_voxel_bias", "bend_error_share")
"""Settings that compose the expected error."""

MULTIPLES = (0.0, 0.5, 1.0, 2.0)


def main() -> None:
    """Write the result file."""
    write_json(RESULT, calibrate())


def calibrate() -> dict[str, Any]:
    """Return how every rule, limit and factor stands on the committed rows, ready for JSON."""
    rows = {name: known_rows(file) for name, file in SETS.items()}
    commits = {name: read_json(ACCURACY_RESULTS / f"{file}.json")["commit"] for name, file in SETS.items()}
    everything = [known for name in SETS for known in rows[name]]
    judged = [(known, _doubts(known)) for known in everything]
    return {
        "kind": "verdict limits",
        "good_mm": GOOD_MM,
        "settings": asdict(DEFAULTS),
        "sets": {name: {"commit": commits[name], **_counts(rows[name])} for name in SETS},
        "doubts_per_wrong": dict(Counter(str(len(doubts)) for known, doubts in judged if not known.is_good)),
        "rules": {rule.code: _rule_alone(rule.code, judged) for rule in RULES},
        "limits": {name: _limit_alone(name, limit, judged) for name, limit in LIMITS.items()},
        "factors": {name: {which: _factor(name, rows[which]) for which in SETS} for name in FACTORS},
    }


Judged = Sequence[tuple[KnownRow, tuple[str, ...]]]
"""Rows, each with the codes that keep it from an accept."""


def _doubts(known: KnownRow, settings: VerdictSettings = DEFAULTS) -> tuple[str, ...]:
    """Return the reasons that keep a result from an accept; none for an accepted one."""
    reasons = judge(known.evidence, settings=settings).reasons
    return tuple(code for code in reasons if rule_of(code).decision is not Decision.ACCEPT)


def _counts(rows: Sequence[KnownRow]) -> dict[str, int]:
    """Return the numbers of good and of wrong results, and how many of each the rules accept."""
    accepted = [known.is_good for known in rows if not _doubts(known)]
    good = sum(known.is_good for known in rows)
    return {
        "good": good,
        "good_accepted": sum(accepted),
        "wrong": len(rows) - good,
        "wrong_accepted": len(accepted) - sum(accepted),
    }


def _rule_alone(code: str, judged: Judged) -> dict[str, int]:
    """Return on how many good and wrong results a rule holds, and on how many of them no other rule raises a doubt."""
    holding = [(known.is_good, doubts == (code,)) for known, doubts in judged if code in doubts]
    return {
        "good": sum(good for good, _ in holding),
        "good_alone": sum(good and alone for good, alone in holding),
        "wrong": sum(not good for good, _ in holding),
        "wrong_alone": sum(alone and not good for good, alone in holding),
    }


def _limit_alone(name: str, limit: Limit, judged: Judged) -> dict[str, Any]:
    """Return the numbers on both sides of a limit, and the results that would be accepted without the limit.

    ``free_to`` is the number of the nearest wrong result that this limit alone keeps from an accept: false accepts stay
    at 0 until the limit reaches it; None if there is no such result. ``accepted_reach`` is the most extreme number
    of the accepted good results: until there the limit can be made stricter at no cost.
    """
    nearest, farthest = (min, max) if limit.off > 0 else (max, min)
    without = replace(DEFAULTS, **{name: limit.off})
    freed = [known for known, doubts in judged if doubts and not _doubts(known, without)]
    wrong = _numbers(limit, [known for known in freed if not known.is_good])
    accepted = _numbers(limit, [known for known, doubts in judged if known.is_good and not doubts])
    return {
        "good_alone": sum(known.is_good for known in freed),
        "wrong_alone": len(wrong),
        "troubles_alone": sorted({known.row["trouble"] for known in freed if not known.is_good}),
        "free_to": _short(nearest(wrong)) if wrong else None,
        "accepted_reach": _short(farthest(accepted)) if accepted else None,
        "good_quantiles": _quantiles(_numbers(limit, [known for known, _ in judged if known.is_good])),
        "wrong_quantiles": _quantiles(_numbers(limit, [known for known, _ in judged if not known.is_good])),
    }


def _numbers(limit: Limit, rows: Sequence[KnownRow]) -> list[float]:
    return [number for known in rows if (number := limit.number(known.evidence)) is not None]


def _quantiles(values: Sequence[float]) -> list[float | None]:
    """Return the 5, 50 and 95 % quantiles, None for infinity; an empty list if there are no values."""
    if not values:
        return []
    return [_short(float(value)) for value in np.quantile(values, (0.05, 0.5, 0.95), method="nearest")]


def _factor(name: str, rows: Sequence[KnownRow]) -> dict[str, float]:
    """Return, by multiples of a factor, the share of good results whose true error is within a factor 2 of expected."""
    true = np.array([known.tre_mm for known in rows if known.is_good], dtype=float)
    shares = {}
    for multiple in MULTIPLES:
        settings = replace(DEFAULTS, **{name: multiple * getattr(DEFAULTS, name)})
        expected = np.array([expected_error(known.evidence, settings) for known in rows if known.is_good])
        shares[f"{multiple:g}"] = round(float(np.mean((true / 2 <= expected) & (expected <= 2 * true))), 3)
    return shares


def _short(value: float) -> float | None:
    """Return a number to 4 significant digits, which is the same on every machine; None for infinity."""
    return float(f"{value:.4g}") if math.isfinite(value) else None


if __name__ == "__main__":
    main()
