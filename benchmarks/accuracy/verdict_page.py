"""Write ``docs/verdict.md`` from the rules, the settings and their calibration.

``python -m benchmarks.accuracy.verdict_page [--check]``; with ``--check`` nothing is written, and the exit status is 1
if the page is out of date. The words are a template in ``benchmarks/pages``.
"""

import argparse
import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import jinja2

from benchmarks.accuracy.calibrate import FACTORS, LIMITS, MULTIPLES, RESULT
from benchmarks.results import ROOT
from hepareg.io.json import read_json
from hepareg.registration.evidence import Evidence
from hepareg.registration.expected_error import ERROR_PARTS
from hepareg.registration.result import Decision
from hepareg.registration.verdict_rules import RULES
from hepareg.registration.verdict_settings import VerdictSettings

__all__ = ["ORIGINS", "PAGE", "build_page", "main"]

PAGE = ROOT / "docs" / "verdict.md"
TEMPLATE = ROOT / "benchmarks" / "pages" / "verdict.md"
DEFAULTS = VerdictSettings()
DECISIONS = {Decision.REJECT: "reject", Decision.REVIEW: "review", Decision.ACCEPT: "note"}
UNITS = {"_per_mm": "1/mm", "_mm": "mm", "_ml": "ml"}

FIRST = "Chosen by hand in the first version"
NOISY = "Chosen by hand on the stress set, for very noisy images"
BENDS = "Chosen by hand on the first simulated bends"
ORIGINS = {
    "accept_mm": "The purpose of the verdict: an accepted result promises this",
    "reject_mm": FIRST,
    "aligned_mm": FIRST,
    "floor_mm": FIRST,
    "uncertainty_factor": "Theory: the estimate is an expected error already",
    "voxel_bias_per_mm": "Chosen by hand when coarse voxels showed larger errors; the measurement was not kept",
    "shared_voxel_bias": "Chosen by hand with the search in both directions",
    "bend_error_share": BENDS,
    "max_bend_rms_mm": BENDS,
    "min_explained_share": FIRST,
    "explained_share_tolerance": "Chosen by hand on the stress set",
    "min_basin_depth": FIRST,
    "reject_basin_depth": f"{FIRST}: a fifth of the limit for review",
    "confirming_dice": NOISY,
    "min_basin_depth_confirmed": NOISY,
    "reject_basin_depth_confirmed": f"{NOISY}: a fifth of the limit for review",
    "min_rival_gap": FIRST,
    "min_overlap_share": FIRST,
    "reject_overlap_share": f"{FIRST}: two fifths of the limit for review",
    "min_dice": FIRST,
    "max_inverse_consistency_mm": "Chosen by hand on the stress set: half a voxel of the level compared",
    "min_liver_ml": "Chosen by hand on the stress set",
    "min_soft_tissue_share": "Chosen by hand on the stress set; raised from 0.8",
}
"""Origin of each setting, as far as it was recorded."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if the page is out of date")
    arguments = parser.parse_args(argv)
    text = build_page(read_json(RESULT))
    if not arguments.check:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        print("docs/verdict.md is out of date: run `python -m benchmarks.accuracy.verdict_page`", file=sys.stderr)
        return 1
    return 0


def build_page(calibration: dict[str, Any]) -> str:
    """Return the Markdown of the page."""
    counts = {int(number): count for number, count in calibration["doubts_per_wrong"].items()}
    template = jinja2.Template(TEMPLATE.read_text(), undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return template.render(
        calibration=calibration,
        doubts={
            "one": counts.get(1, 0),
            "two": counts.get(2, 0),
            "more": sum(count for number, count in counts.items() if number > 2),
        },
        reasons=_reasons(),
        error_parts=_table(
            ("part", "formula", "how it arises"), ([p.name, f"`{p.formula}`", p.meaning] for p in ERROR_PARTS)
        ),
        evidence=_table(("evidence", "unit", "meaning"), _evidence()),
        limits=_table(("limit", "value", "unit", "meaning", "where it came from"), _limits(calibration["limits"])),
        sets=_sets(calibration["sets"]),
        rules=_rules(calibration["rules"]),
        standing=_standing(calibration["limits"]),
        factors=_factors(calibration["factors"]),
    )


def documented_parameters(documented: type) -> Iterator[tuple[str, str]]:
    """Yield name and text of every entry under *Parameters* in a NumPy docstring."""
    text = (inspect.getdoc(documented) or "") + "\n"
    body = text.partition("Parameters\n----------\n")[2]
    for names, entry in re.findall(r"^(\w[\w, ]*)\n((?: {4}.*\n)+)", body, re.MULTILINE):
        for name in names.split(", "):
            yield name, " ".join(entry.split())


def _reasons() -> str:
    rows = [
        [f"`{r.code}`", DECISIONS[r.decision], r.meaning, r.what_to_do, ", ".join(f"`{n}`" for n in r.limits) or "–"]
        for r in RULES
    ]
    return _table(("code", "decision", "meaning", "what to do", "limits"), rows)


def _evidence() -> Iterator[list[str]]:
    for name, text in documented_parameters(Evidence):
        if name not in ("status", "flags"):
            yield [f"`{name}`", _unit(name), text]


def _limits(limits: dict[str, Any]) -> Iterator[list[str]]:
    for name, text in documented_parameters(VerdictSettings):
        alone = limits.get(name, {}).get("wrong_alone", 0)
        stands = f"{alone} wrong results depend on it alone" if alone else "judgement call"
        yield [f"`{name}`", f"{getattr(DEFAULTS, name):g}", _unit(name), text, f"{ORIGINS[name]}; {stands}"]


def _sets(sets: dict[str, dict[str, Any]]) -> str:
    keys = ("good", "good_accepted", "wrong", "wrong_accepted")
    rows = [[name, found["commit"][:12], *(str(found[key]) for key in keys)] for name, found in sets.items()]
    return _table(("set", "commit", "good results", "accepted", "wrong results", "accepted"), rows)


def _rules(rules: dict[str, dict[str, int]]) -> str:
    keys = ("good", "good_alone", "wrong", "wrong_alone")
    doubting = [rule.code for rule in RULES if rule.decision is not Decision.ACCEPT]
    header = ("rule", "good results kept from an accept", "by it alone", "wrong results", "by it alone")
    return _table(header, ([f"`{code}`", *(str(rules[code][key]) for key in keys)] for code in doubting))


def _standing(limits: dict[str, dict[str, Any]]) -> str:
    header = (
        "limit", "value", "accepted good results reach", "false accepts stay at 0 up to", "wrong by it alone",
        "good by it alone", "good: 5, 50, 95 %", "wrong: 5, 50, 95 %",
    )  # fmt: skip
    rows = []
    for name in LIMITS:
        found = limits[name]
        until = "any value" if found["free_to"] is None else _number(found["free_to"])
        counts = [str(found[key]) for key in ("wrong_alone", "good_alone")]
        spread = [", ".join(map(_number, found[key])) or "–" for key in ("good_quantiles", "wrong_quantiles")]
        reach = "–" if found["accepted_reach"] is None else _number(found["accepted_reach"])
        rows.append([f"`{name}`", f"{getattr(DEFAULTS, name):g}", reach, until, *counts, *spread])
    return _table(header, rows)


def _factors(factors: dict[str, dict[str, dict[str, float]]]) -> str:
    multiples = [f"{multiple:g}" for multiple in MULTIPLES]
    rows = [
        [f"`{name}`", which, *(f"{100 * shares[multiple]:.0f} %" for multiple in multiples)]
        for name in FACTORS
        for which, shares in factors[name].items()
    ]
    return _table(("factor", "set", *(f"times {multiple}" for multiple in multiples)), rows)


def _unit(name: str) -> str:
    """Return the unit that the end of a name states."""
    return next((unit for end, unit in UNITS.items() if name.endswith(end)), "–")


def _number(value: float | None) -> str:
    return "infinite" if value is None else f"{value:.4g}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, all columns left, as most hold words."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *rows))


if __name__ == "__main__":
    sys.exit(main())
