"""Measure hepareg's speed: ``python -m benchmarks.speed.measure``; writes ``benchmarks/results/speed.json``.

Whole process, with the matrix only and with every output; the floor of imports and reading; what the
machine needs whatever the program; the library call in a warm process; ANTsPy on the same pair; growth with
the volume's size and with threads.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.accuracy.real_ct import real_patient
from benchmarks.compare import run_row
from benchmarks.contenders import Contender, Floor, Hepareg, Job, Machine, Peer, WarmCall
from benchmarks.pairs import Pair
from benchmarks.peers import REFERENCE
from benchmarks.peers.preparation import prepare
from benchmarks.results import RESULTS, ROOT, provenance, write_result
from benchmarks.speed.volumes import SIZES, sized_pair, standard_pair

EVERY_OUTPUT = replace(Hepareg(), name="hepareg, every output", matrix_only=False)
LIMIT_S = 600.0
LISTS = ("process_s", "cpu_s", "call_s", "others_cpu_s")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--out", type=Path, default=RESULTS / "speed.json")
    parser.add_argument("--repeats", type=int, default=5, help="runs of every process")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers-python", type=Path, default=ROOT / ".peers" / "bin" / "python")
    parser.add_argument(
        "--areas", nargs="+", choices=["process", "threads", "size"], default=["process", "threads", "size"]
    )
    parser.add_argument(
        "--pairs", type=Path, help="folder of the pairs, made where they are not there (default: not kept)"
    )
    parser.add_argument("--make-only", action="store_true", help="make the pairs in --pairs and measure nothing")
    arguments = parser.parse_args()
    if arguments.make_only:
        make_pairs(arguments.pairs, arguments.areas)
        return
    anatomy = "real CT" if real_patient() else "phantom"
    settings = {"repeats": arguments.repeats, "anatomy of the standard pair": anatomy}
    result = {"kind": "speed", **provenance(settings), "rows": []}
    with tempfile.TemporaryDirectory() as folder:
        for area in arguments.areas:
            for row in AREAS[area]((arguments.pairs or Path(folder)).resolve(), arguments):
                result["rows"].append(row)
                write_result(result, arguments.out)
                print(row["area"], row["name"], row["fixed_shape"], row["threads"], row["process_s"], flush=True)


def make_pairs(folder: Path, areas: list[str]) -> None:
    """Make the pairs that are not there yet, so that a measurement need not."""
    standard_pair(folder / "standard")
    for shape in SIZES if "size" in areas else ():
        sized_pair(_place(folder, shape), shape)


def process_rows(folder: Path, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the rows of the standard pair."""
    pair = standard_pair(folder / "standard")
    peer = Peer(REFERENCE, arguments.peers_python.absolute())
    for contender, repeats in (
        (Hepareg(), arguments.repeats),
        (EVERY_OUTPUT, arguments.repeats),
        (Floor(), arguments.repeats),
        (WarmCall(), 1),
        (Machine("inflate"), 1),
        (Machine("touch"), 1),
        (peer, min(arguments.repeats, 3)),
    ):
        yield measure("process", contender, pair, threads=arguments.threads, repeats=repeats)


def thread_rows(folder: Path, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the rows of the standard pair with 1, 2, 4, ... threads, as many as there are cores."""
    pair = standard_pair(folder / "standard")
    threads = 1
    while threads <= len(os.sched_getaffinity(0)):
        for contender, repeats in ((Hepareg(), arguments.repeats), (WarmCall(), 1)):
            yield measure("threads", contender, pair, threads=threads, repeats=repeats)
        threads *= 2


def size_rows(folder: Path, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the rows of the volume sizes, always procedural."""
    for shape in SIZES:
        pair = sized_pair(_place(folder, shape), shape)
        for contender, repeats in ((Hepareg(), arguments.repeats), (Floor(), 1), (WarmCall(), 1)):
            yield measure("size", contender, pair, threads=arguments.threads, repeats=repeats)


AREAS = {"process": process_rows, "threads": thread_rows, "size": size_rows}


def measure(area: str, contender: Contender, pair: Pair, *, threads: int, repeats: int) -> dict[str, Any]:
    """Return the row of one contender on one pair with masks, run ``repeats`` times."""
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        is_peer = isinstance(contender, Peer)
        prepared = prepare(pair.folder, Path(folder) / "prepared", masks=True) if is_peer else Path(folder)
        for number in range(repeats):
            answers = Path(folder) / str(number)
            answers.mkdir()
            runs.append(run_row(contender, Job(pair, prepared, True, answers, threads), limit_s=LIMIT_S))
    worst = next((run for run in runs if run["status"] != "found"), runs[0])
    shapes = {f"{name}_shape": list(pair.shape(name)) for name in ("fixed", "moving")}
    lists = {key: [run[key] for run in runs if run[key] is not None] for key in LISTS}
    peaks = [run["peak_bytes"] for run in runs if run["peak_bytes"] is not None]
    return {
        "area": area,
        "name": contender.name,
        "threads": threads,
        **shapes,
        **{key: worst[key] for key in ("status", "reason")},
        **lists,
        "peak_bytes": int(median(peaks)) if peaks else None,
    }


def _place(folder: Path, shape: tuple[int, int, int]) -> Path:
    return folder / "x".join(map(str, shape))


if __name__ == "__main__":
    main()
