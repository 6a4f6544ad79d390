"""The stress set, 1,000 pairs over the capture range: ``python -m benchmarks.accuracy.stress run|collect``.

``run [--register MODULE:FUNCTION] [--name NAME] [--part I/N]`` simulates the pairs in memory, twenty of one anatomy at
a time, and runs the method on each. The rows of each finished anatomy are a file in ``build/stress/NAME``; a stopped
run goes on after the last of these files. ``collect`` joins them to ``benchmarks/results/accuracy/stress_NAME.json``.
"""

import argparse
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from benchmarks.accuracy.scoring import GOOD_MM, is_good, score_case
from benchmarks.accuracy.stress_pairs import NUM_PAIRS, PAIRS_PER_ANATOMY, simulate_stress, stress_pairs
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
    parser.add_argument("--work", type=Path, default=WORK, help="folder for the rows of finished anatomies")
    arguments = parser.parse_args()
    if arguments.command == "run":
        part, parts = (int(number) for number in arguments.part.split("/"))
        run(register=arguments.register, work=arguments.work / arguments.name, groups=slice(part - 1, None, parts))
    else:
        collect(arguments.work / arguments.name, name=arguments.name)


def run(*, register: str, work: Path, groups: slice = slice(None), pairs_per_group: int = PAIRS_PER_ANATOMY) -> None:
    """Run a method on the set, or on some of its anatomies, and write the rows of each anatomy to a file."""
    work.mkdir(parents=True, exist_ok=True)
    function = resolve_name(register)
    about = provenance({"register": register, "good_mm": GOOD_MM})
    pairs = list(stress_pairs())
    for first in range(0, NUM_PAIRS, PAIRS_PER_ANATOMY)[groups]:
        path = work / f"{first:04d}.json"
        if path.exists():
            continue
        rows = []
        for pair, case, answerable in simulate_stress(pairs[first : first + pairs_per_group]):
            row = score_case(case, function, masks=pair.masks, answerable=answerable)
            facts = {"pair": pair.number, "trouble": pair.trouble, "masks": sum(pair.masks)}
            bands = {"translation_mm": list(pair.translation_mm), "rotation_deg": list(pair.rotation_deg)}
            rows.append({**facts, **bands, **row})
        with atomic_file(path, overwrite=True) as temporary:
            write_json(temporary, {**about, "rows": rows})
        good = sum(is_good(row["liver_tre_mean_mm"]) for row in rows)
        print(f"{path.stem}: {good} of {len(rows)} good", flush=True)


def collect(work: Path, *, name: str, results: Path = ACCURACY_RESULTS) -> list[dict[str, Any]]:
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
    write_json(results / f"stress_{name}.json", result)
    return rows


if __name__ == "__main__":
    main()
