"""The stress set, 1,500 pairs with every trouble: ``python -m benchmarks.accuracy.stress run|collect``.

``run [--register MODULE:FUNCTION] [--name NAME]`` simulates the pairs in memory, those of one anatomy after each other,
and runs the method on each. ``--part I/N``, ``--numbers A:B``, ``--kinds KIND ...`` and ``--half`` choose a part of the
set. The row of each finished pair is a file in ``build/stress/NAME``; a stopped run goes on with the pairs that have
none, and several runs may work side by side. ``collect`` joins the rows to
``benchmarks/results/accuracy/stress_NAME.json``, or another kind than stress.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from benchmarks.accuracy.scoring import GOOD_MM, score_case
from benchmarks.accuracy.stress_kinds import KINDS
from benchmarks.accuracy.stress_pairs import (
    NUM_PAIRS,
    TROUBLES,
    StressPair,
    anatomies,
    simulate_stress,
    stress_pairs,
)
from benchmarks.results import ACCURACY_RESULTS, ROOT, provenance
from hepareg.io.json import read_json, write_json
from hepareg.workflows.atomic import atomic_file

__all__ = ["collect", "main", "run"]

WORK = ROOT / "build" / "stress"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("run", "collect"))
    parser.add_argument("--register", default="hepareg:register", metavar="MODULE:FUNCTION")
    parser.add_argument("--name", default="hepareg", help="name of the method in tables")
    parser.add_argument("--part", default="1/1", metavar="I/N", help="every N-th anatomy, from the I-th on")
    parser.add_argument("--numbers", default=":", metavar="A:B", help="pairs from number A on and below B")
    parser.add_argument("--kinds", nargs="+", metavar="KIND", help="only these troubles")
    parser.add_argument("--half", choices=("limits", "judged"), help="only the half that limits are set or judged on")
    parser.add_argument(
        "--kind", default="stress", help="first part of the name of the result file, as its page reads it"
    )
    parser.add_argument("--work", type=Path, default=WORK, help="folder for the rows of finished pairs")
    arguments = parser.parse_args()
    if arguments.command == "run":
        run(register=arguments.register, work=arguments.work / arguments.name, pairs=_chosen(arguments))
    else:
        collect(arguments.work / arguments.name, name=arguments.name, kind=arguments.kind)


def _chosen(arguments: argparse.Namespace) -> list[StressPair]:
    """Return the pairs that the command line asks for."""
    first, last = (int(text) if text else None for text in arguments.numbers.split(":"))
    kinds = arguments.kinds or [*TROUBLES, *KINDS]
    if unknown := set(kinds) - {*TROUBLES, *KINDS}:
        raise SystemExit(f"expected kinds out of {', '.join((*TROUBLES, *KINDS))}; got {', '.join(sorted(unknown))}")
    part, parts = (int(number) for number in arguments.part.split("/"))
    every = [pair for group in anatomies(stress_pairs())[part - 1 :: parts] for pair in group]
    numbers = range(NUM_PAIRS)[first:last]
    return [
        pair
        for pair in every
        if pair.number in numbers and pair.trouble in kinds and arguments.half in (None, pair.half)
    ]


def run(*, register: str, work: Path, pairs: Sequence[StressPair]) -> None:
    """Run a method on pairs of the set that have no row yet, and write the row of each to a file."""
    work.mkdir(parents=True, exist_ok=True)
    function = resolve_name(register)
    about = provenance({"register": register, "good_mm": GOOD_MM})
    for group in anatomies(pair for pair in pairs if not _row_file(work, pair).exists()):
        for pair, case, answerable in simulate_stress(group):
            row = _facts(pair) | score_case(case, function, masks=pair.masks, answerable=answerable)
            with atomic_file(_row_file(work, pair), overwrite=True) as temporary:
                write_json(temporary, {**about, "rows": [row]})
            print(
                *(row[key] for key in ("pair", "trouble", "decision", "tissue_mean_mm", "expected_tre_mm")), flush=True
            )


def _row_file(work: Path, pair: StressPair) -> Path:
    return work / f"{pair.number:04d}.json"


def _facts(pair: StressPair) -> dict[str, Any]:
    return {
        "pair": pair.number, "trouble": pair.trouble, "amount": pair.amount, "half": pair.half,
        "source": "real CT" if pair.is_real else "phantom", "masks": sum(pair.masks),
        "translation_mm": list(pair.translation_mm), "rotation_deg": list(pair.rotation_deg),
    }  # fmt: skip


def collect(work: Path, *, name: str, kind: str = "stress", results: Path = ACCURACY_RESULTS) -> list[dict[str, Any]]:
    """Join the files of `run` to one result file and return its rows.

    Raises
    ------
    ValueError
        If there is no such file, or if they come from more than one commit.
    """
    parts = [read_json(path) for path in sorted(work.glob("*.json"))]
    commits = {part["commit"] for part in parts}
    if len(commits) != 1:
        raise ValueError(f"expected results of one commit, got {len(commits)}: remove those that are out of date")
    rows = [row for part in parts for row in part["rows"]]
    settings = {**parts[0]["settings"], "number": len(rows), "of": NUM_PAIRS}
    result = {"kind": "accuracy", "method": name, **parts[0], "settings": settings, "rows": rows}
    write_json(results / f"{kind}_{name}.json", result)
    return rows


if __name__ == "__main__":
    main()
