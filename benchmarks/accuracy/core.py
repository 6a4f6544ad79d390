"""The core set, and the set of pairs that share one grid: ``python -m benchmarks.accuracy.core make|score|table``.

``make [--set same_grid] -o DIR`` makes the pairs; ``score DIR [--register MODULE:FUNCTION]`` runs a method on the pairs
and writes ``benchmarks/results/accuracy/core_NAME.json``; ``table`` writes the pages of all results.
"""

import argparse
import resource
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks import page
from benchmarks.accuracy.case import Case
from benchmarks.accuracy.core_pairs import CorePair, core_pairs, same_grid_pairs
from benchmarks.accuracy.real_ct import real_patient
from benchmarks.accuracy.scoring import GOOD_MM, load_register, score_case
from benchmarks.pairs import Pair, find_pairs
from benchmarks.results import ACCURACY_RESULTS, provenance, write_result
from hepareg.simulation import SimulatedPair, simulate_pair
from hepareg.workflows.atomic import atomic_directory
from hepareg.workflows.simulate import write_pair

__all__ = ["main", "make", "score", "simulated"]

SETS = {"core": core_pairs, "same_grid": same_grid_pairs}
WRONG_BODY_MM = 5.0
"""In a pair whose body stays, the transform that aligns the body must have at least this TRE over the liver."""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make", help="make the pairs")
    scoring = commands.add_parser("score", help="run a method on the pairs")
    for command in (making, scoring):
        command.add_argument("--set", choices=SETS, default="core", help="set of the pairs (default: core)")
    making.add_argument("-o", "--out", type=Path, required=True)
    making.add_argument("--only", nargs="+", help="names of pairs, or parts of names (default: all)")
    scoring.add_argument("pairs", type=Path)
    scoring.add_argument("--register", default="hepareg:register", metavar="MODULE:FUNCTION")
    scoring.add_argument("--name", default="hepareg", help="name of the method in tables")
    commands.add_parser("table", help="write the pages of all results")
    arguments = parser.parse_args()
    if arguments.command == "make":
        make(arguments.out, pair_set=arguments.set, only=arguments.only)
    elif arguments.command == "score":
        score(arguments.pairs, pair_set=arguments.set, register=arguments.register, name=arguments.name)
    else:
        page.main([])


def make(out: Path, *, pair_set: str = "core", only: list[str] | None = None) -> None:
    """Write a folder for each pair of a set.

    Raises
    ------
    ValueError
        If a transform that aligns the body would be right for the liver, in a pair in which it must be wrong.
    """
    if real_patient() is None:
        print("no real CT here: only the half of the set that is made from phantoms")
    for pair in SETS[pair_set](with_real_ct=real_patient() is not None):
        if only and not any(part in pair.name for part in only):
            continue
        made = simulated(pair)
        motion: Any = made.parameters["motion"]
        if pair.body_stays and motion["body_alignment_tre_mm"] < WRONG_BODY_MM:
            raise ValueError(f"{pair.name}: aligning the body would score {motion['body_alignment_tre_mm']:.1f} mm")
        with atomic_directory(out / pair.name, overwrite=True) as folder:
            write_pair(folder, made)
        print(pair.name, flush=True)


def simulated(pair: CorePair) -> SimulatedPair:
    """Simulate one pair; its parameters tell its place in the set."""
    patient = real_patient() if pair.source == "real CT" else None
    made = simulate_pair(settings=pair.settings, seed=pair.seed, patient=patient)
    facts = {"difficulty": pair.difficulty, "masks": pair.masks, "source": pair.source}
    return replace(made, parameters={**made.parameters, **facts})


def score(pairs: Path, *, register: str, name: str, pair_set: str = "core") -> None:
    """Score a method on a set and write the result file after each pair.

    Each pair runs in a process of its own, so that the peak memory in its row is that of the pair.
    """
    settings = {"register": register, "good_mm": GOOD_MM}
    result = {"kind": "accuracy", "method": name, **provenance(settings), "rows": []}
    for pair in find_pairs(pairs):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            row = pool.submit(score_folder, pair, register).result()
        result["rows"].append(row)
        write_result(result, ACCURACY_RESULTS / f"{pair_set}_{name}.json")
        print(*(row[key] for key in ("pair", "status", "liver_tre_mean_mm", "decision", "seconds")), flush=True)


def score_folder(pair: Pair, register: str) -> dict[str, Any]:
    """Return the row of one pair."""
    case = Case.read(pair)
    facts = {key: case.parameters[key] for key in ("difficulty", "source", "masks")}
    row = score_case(case, load_register(register), masks=(facts["masks"], facts["masks"]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"pair": pair.name, **facts, **row, "peak_memory_bytes": peak}


if __name__ == "__main__":
    main()
