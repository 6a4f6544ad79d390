"""The core set, and the set of pairs on one grid.

``python -m benchmarks.accuracy.core make [--set same_grid] -o DIR`` makes the pairs;
``python -m benchmarks.accuracy.core score DIR [--register MODULE:FUNCTION]`` runs a method on them, writes
``benchmarks/results/accuracy/core_NAME.json``; ``... table`` writes the page of all such results.
"""

import argparse
import resource
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.accuracy import ACCURACY_RESULTS
from benchmarks.accuracy.case import Case, case_folders
from benchmarks.accuracy.core_pairs import CorePair, core_pairs
from benchmarks.accuracy.real_ct import real_patient
from benchmarks.accuracy.same_grid_pairs import same_grid_pairs
from benchmarks.accuracy.scoring import GOOD_MM, load_register, score_case
from benchmarks.accuracy.table import write_tables
from benchmarks.results import provenance
from hepareg.io.json import write_json
from hepareg.simulation import simulate_pair
from hepareg.workflows.atomic import atomic_directory
from hepareg.workflows.simulate import write_pair

__all__ = ["main", "make", "score"]

SETS = {"core": core_pairs, "same_grid": same_grid_pairs}
WRONG_BODY_MM = 5.0
"""Where the body stays, aligning the body must score at least this."""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make", help="make the pairs")
    scoring = commands.add_parser("score", help="run a method on the pairs")
    for command in (making, scoring):
        command.add_argument("--set", choices=SETS, default="core", help="which set the pairs are of (default: core)")
    making.add_argument("-o", "--out", type=Path, required=True)
    making.add_argument("--keep", action="store_true", help="make only the pairs that are not there")
    making.add_argument("--only", nargs="+", help="names of pairs, or parts of names (default: all)")
    scoring.add_argument("pairs", type=Path)
    scoring.add_argument("--register", default="hepareg:register", metavar="MODULE:FUNCTION")
    scoring.add_argument("--name", default="hepareg", help="name of the method in tables")
    commands.add_parser("table", help="write the page of all results")
    arguments = parser.parse_args()
    if arguments.command == "make":
        make(arguments.out, pair_set=arguments.set, only=arguments.only, keep=arguments.keep)
    elif arguments.command == "score":
        score(arguments.pairs, pair_set=arguments.set, register=arguments.register, name=arguments.name)
    else:
        write_tables()


def make(out: Path, *, pair_set: str = "core", only: list[str] | None = None, keep: bool = False) -> None:
    """Make a set in a folder: a folder for each pair; with ``keep`` those that are there stay."""
    patient = real_patient()
    if patient is None:
        print("no real CT here: the phantom's half of the set alone")
    for pair in SETS[pair_set](with_real_ct=patient is not None):
        if only and not any(part in pair.name for part in only):
            continue
        if keep and (out / pair.name / "truth.txt").exists():
            continue
        make_pair(pair, out / pair.name)
        print(pair.name, flush=True)


def make_pair(pair: CorePair, out: Path) -> None:
    """Make one pair.

    Raises
    ------
    ValueError
        If aligning the body would do in a pair where it must not.
    """
    patient = real_patient() if pair.source == "real CT" else None
    made = simulate_pair(settings=pair.settings, seed=pair.seed, patient=patient)
    motion: Any = made.parameters["motion"]
    if pair.body_stays and motion["body_alignment_tre_mm"] < WRONG_BODY_MM:
        raise ValueError(f"{pair.name}: aligning the body would score {motion['body_alignment_tre_mm']:.1f} mm")
    facts = {"difficulty": pair.difficulty, "masks": pair.masks, "source": pair.source}
    with atomic_directory(out, overwrite=True) as folder:
        write_pair(folder, replace(made, parameters={**made.parameters, **facts}))


def score(pairs: Path, *, register: str, name: str, pair_set: str = "core") -> dict[str, Any]:
    """Score a method on a set; every case runs in a process of its own, so that its peak memory is its own."""
    rows = []
    ACCURACY_RESULTS.mkdir(parents=True, exist_ok=True)
    path = ACCURACY_RESULTS / f"{pair_set}_{name}.json"
    settings = {"register": register, "good_mm": GOOD_MM}
    for folder in case_folders(pairs):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            rows.append(pool.submit(score_folder, folder, register).result())
        print(_line(rows[-1]), flush=True)
        write_json(path, {"kind": "accuracy", "method": name, **provenance(settings), "rows": rows})
    return {"rows": rows}


def score_folder(folder: Path, register: str) -> dict[str, Any]:
    """Return the row of one pair."""
    case = Case.read(folder)
    masks = bool(case.parameters["masks"])
    row = score_case(case, load_register(register), masks=masks).as_row()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    facts = {key: case.parameters[key] for key in ("difficulty", "source", "masks")}
    return {"pair": folder.name, **facts, **row, "peak_memory_bytes": peak}


def _line(row: dict[str, Any]) -> str:
    tre = row["liver_tre_mean_mm"]
    told = f"{tre:8.2f} mm" if tre is not None else f"{row['status']:>11}"
    return f"{row['pair']:28} {told}  {row['decision'] or '-':8} {row['seconds']:6.1f} s"


if __name__ == "__main__":
    main()
