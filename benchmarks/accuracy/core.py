"""Sets of named pairs: ``python -m benchmarks.accuracy.core make|score FOLDER [--set core|same_grid|parallel_grids]``.

``make`` writes the pairs to a folder; ``score`` runs a method on the pairs in the folder and writes
``benchmarks/results/accuracy/SET_NAME.json``, from which `benchmarks.page` makes a page.
"""

import argparse
import resource
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from benchmarks.accuracy.core_pairs import SETS, CorePair
from benchmarks.accuracy.real_ct import real_patient
from benchmarks.accuracy.scoring import GOOD_MM, score_case
from benchmarks.pairs import Case, Pair, find_pairs
from benchmarks.results import ACCURACY_RESULTS, provenance, write_result
from hepareg.simulation import SimulatedPair, simulate_pair
from hepareg.workflows.atomic import atomic_directory
from hepareg.workflows.simulate import write_pair

__all__ = ["main", "make", "score", "simulated"]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("make", "score"))
    parser.add_argument("folder", type=Path, help="folder of the pairs")
    parser.add_argument("--set", choices=SETS, default="core", help="set of the pairs (default: core)")
    parser.add_argument("--register", default="hepareg:register", metavar="MODULE:FUNCTION")
    parser.add_argument("--name", default="hepareg", help="name of the method in tables")
    arguments = parser.parse_args()
    if arguments.command == "make":
        make(arguments.folder, pair_set=arguments.set)
    else:
        score(arguments.folder, pair_set=arguments.set, register=arguments.register, name=arguments.name)


def make(out: Path, *, pair_set: str) -> None:
    """Write a folder for each pair of a set."""
    if real_patient() is None:
        print("no real CT here: only the part of the set that is made from phantoms")
    for pair in SETS[pair_set](with_real_ct=real_patient() is not None):
        with atomic_directory(out / pair.name, overwrite=True) as folder:
            write_pair(folder, simulated(pair))
        print(pair.name, flush=True)


def simulated(pair: CorePair) -> SimulatedPair:
    """Simulate one pair; its parameters tell its place in the set."""
    patient = real_patient() if pair.source == "real CT" else None
    made = simulate_pair(settings=pair.settings, seed=pair.seed, patient=patient)
    facts = {"difficulty": pair.difficulty, "masks": pair.masks, "source": pair.source}
    return replace(made, parameters={**made.parameters, **facts})


def score(pairs: Path, *, pair_set: str, register: str, name: str) -> None:
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
    facts = {key: pair.parameters[key] for key in ("difficulty", "source", "masks")}
    row = score_case(case, resolve_name(register), masks=(facts["masks"], facts["masks"]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"pair": pair.name, **facts, **row, "peak_memory_bytes": peak}


if __name__ == "__main__":
    main()
