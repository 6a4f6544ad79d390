"""Measure hepareg's speed: ``python -m benchmarks.speed.measure``; writes ``benchmarks/results/speed.json``.

Measured are the whole process, with the matrix only and with every output; the floor of imports and reading; the
library call in a warm process; ANTsPy on the same pair; growth with the volume's size and with threads.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.compare import run_row
from benchmarks.contenders import FLOOR, WARM_CALL, Contender, Job, hepareg, peer
from benchmarks.pairs import Pair
from benchmarks.peers import REFERENCE
from benchmarks.peers.preparation import prepare
from benchmarks.results import RESULTS, ROOT, provenance, write_result
from benchmarks.speed.volumes import SIZES, sized_pair, standard_pair

LIMIT_S = 600.0
LISTS = ("process_s", "cpu_s", "call_s", "load_average")
Rows = Iterator[dict[str, Any]]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, default=RESULTS / "speed.json")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each process")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers-python", type=Path, default=ROOT / ".peers" / "bin" / "python")
    parser.add_argument("--areas", nargs="+", choices=AREAS, default=list(AREAS))
    parser.add_argument("--pairs", type=Path, help="folder for the pairs, made if missing (default: not kept)")
    arguments = parser.parse_args()
    result = {"kind": "speed", **provenance({"repeats": arguments.repeats}), "rows": []}
    with tempfile.TemporaryDirectory() as folder:
        for area in arguments.areas:
            for row in AREAS[area]((arguments.pairs or Path(folder)).resolve(), arguments):
                result["rows"].append({"area": area, **row})
                write_result(result, arguments.out)
                print(area, row["name"], row["fixed_shape"], row["threads"], row["process_s"], flush=True)


def process_rows(folder: Path, arguments: argparse.Namespace) -> Rows:
    """Yield the rows of the standard pair."""
    pair, repeats = standard_pair(folder / "standard"), arguments.repeats
    reference = peer(REFERENCE, arguments.peers_python.absolute())
    for contender in (hepareg(), hepareg(every_output=True), FLOOR):
        yield measure(contender, pair, threads=arguments.threads, repeats=repeats)
    yield measure(WARM_CALL, pair, threads=arguments.threads, repeats=1)
    yield measure(reference, pair, threads=arguments.threads, repeats=min(repeats, 3))


def thread_rows(folder: Path, arguments: argparse.Namespace) -> Rows:
    """Yield the rows of the standard pair with 1, 2, 4, ... threads, up to the number of cores."""
    pair = standard_pair(folder / "standard")
    threads = 1
    while threads <= len(os.sched_getaffinity(0)):
        yield measure(hepareg(), pair, threads=threads, repeats=arguments.repeats)
        yield measure(WARM_CALL, pair, threads=threads, repeats=1)
        threads *= 2


def size_rows(folder: Path, arguments: argparse.Namespace) -> Rows:
    """Yield the rows of the volume sizes, whose anatomy is always procedural."""
    for shape in SIZES:
        pair = sized_pair(folder / "x".join(map(str, shape)), shape)
        for contender, repeats in ((hepareg(), arguments.repeats), (FLOOR, 1), (WARM_CALL, 1)):
            yield measure(contender, pair, threads=arguments.threads, repeats=repeats)


AREAS = {"process": process_rows, "threads": thread_rows, "size": size_rows}


def measure(contender: Contender, pair: Pair, *, threads: int, repeats: int) -> dict[str, Any]:
    """Return the row of one contender that runs ``repeats`` times on one pair with masks."""
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared"
        if contender.is_peer:
            prepare(pair.folder, prepared, masks=True)
        job = Job(pair, prepared, True, threads)
        runs = [run_row(contender, job, limit_s=LIMIT_S) for _ in range(repeats)]
    worst = next((run for run in runs if run["status"] != "found"), runs[0])
    peaks = [run["peak_bytes"] for run in runs if run["peak_bytes"] is not None]
    return {
        "name": contender.name,
        "threads": threads,
        **{f"{name}_shape": list(pair.shape(name)) for name in ("fixed", "moving")},
        **{key: worst[key] for key in ("status", "reason")},
        **{key: [run[key] for run in runs if run[key] is not None] for key in LISTS},
        "peak_bytes": int(median(peaks)) if peaks else None,
    }


if __name__ == "__main__":
    main()
