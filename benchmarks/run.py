"""Everything that ``make bench`` measures: ``python -m benchmarks.run [--prepare] [--minutes N] [--resume]``.

Makes the pairs, measures speed, runs hepareg and the peers on the core set with masks, on pairs that share one grid,
and on the core set without masks, and writes the pages. ``--prepare`` makes the pairs and stops: all that needs no
quiet machine. ``--minutes`` is for a machine that is quiet for so long: three repeats instead of five, and of the
comparison as many pairs as fit, in an order of which any first part has every difficulty (`benchmarks.sitting`); the
pages name the pairs that were not run, and ``--resume`` goes on with them on the same machine and commit.
"""

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

from benchmarks.page import main as write_pages
from benchmarks.results import RESULTS, ROOT, provenance, read_result
from benchmarks.sitting import same_run
from benchmarks.speed.volumes import SIZES

PAIRS = ROOT / "build" / "bench"
SOURCES = (
    "src/hepareg/simulation/*.py",
    "benchmarks/accuracy/core_pairs.py",
    "benchmarks/accuracy/same_grid_pairs.py",
    "benchmarks/speed/volumes.py",
)
"""What the pairs are made by: pairs of other versions of it are made anew."""
WITH_MASKS, SAME_GRID = 0.7, 0.6
"""Shares of the minutes left that go to the comparison with masks, and then to that of pairs on one grid."""


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prepare", action="store_true", help="make the pairs and stop")
    parser.add_argument("--minutes", type=float, help="how long the machine is quiet (default: run everything)")
    parser.add_argument("--resume", action="store_true", help="keep what an earlier run on this machine has measured")
    parser.add_argument(
        "--pairs",
        type=Path,
        help="folder of pairs to compare on as they are (default: the core set, and pairs that share one grid)",
    )
    parser.add_argument("--tools", nargs="+", help="keys of the contenders to run (default: all)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers-python", type=Path, default=ROOT / ".peers" / "bin" / "python")
    arguments = parser.parse_args()
    begin = time.monotonic()
    core = arguments.pairs or made(PAIRS / "core", "benchmarks.accuracy.core", "make", "--keep", "-o")
    making = ["benchmarks.accuracy.core", "make", "--set", "same_grid", "--keep", "-o"]
    same_grid = None if arguments.pairs else made(PAIRS / "same_grid", *making)
    speed = made(PAIRS / "speed", "benchmarks.speed.measure", "--make-only", "--pairs")
    if arguments.prepare:
        return 0
    for name, *words in steps(core, same_grid, speed, arguments, spent_s=lambda: time.monotonic() - begin):
        module(name, *words)
    return write_pages([])


def steps(
    core: Path, same_grid: Path | None, speed: Path, arguments: argparse.Namespace, *, spent_s: Callable[[], float]
) -> Iterator[tuple[str, ...]]:
    """Yield the command lines of the measurements; each knows how long those before it took."""
    common = ["--threads", str(arguments.threads), "--peers-python", str(arguments.peers_python.absolute())]
    resume = ["--resume"] if arguments.resume else []
    tools = ["--tools", *arguments.tools] if arguments.tools else []
    if not (arguments.resume and speed_is_measured()):
        repeats = [] if arguments.minutes is None else ["--repeats", "3"]
        yield "benchmarks.speed.measure", *common, "--pairs", str(speed), *repeats

    def minutes(share: float) -> list[str]:
        if arguments.minutes is None:
            return []
        return ["--minutes", f"{max(0.0, arguments.minutes - spent_s() / 60) * share:.2f}"]

    options = [*common, *tools, *resume]
    proven = ["--proofs-of", str(RESULTS / "comparison.json")]
    yield "benchmarks.compare", str(core), *options, *minutes(WITH_MASKS)
    if same_grid is not None:
        out = ["-o", str(RESULTS / "comparison_same_grid.json")]
        yield "benchmarks.compare", str(same_grid), *options, *minutes(SAME_GRID), *proven, *out
    yield "benchmarks.compare", str(core), *options, *minutes(1.0), "--without-masks", *proven


def made(folder: Path, name: str, *words: str) -> Path:
    """Return a folder of pairs: what is missing is made by a module, what other sources made is made anew."""
    stamp, sources = folder / "made_by.txt", sources_hash()
    if not stamp.exists() or stamp.read_text() != sources:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        stamp.write_text(sources)
    module(name, *words, str(folder))
    return folder


def sources_hash() -> str:
    """Return a hash of the files that the pairs are made by."""
    files = [path for source in SOURCES for path in sorted(ROOT.glob(source))]
    return sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def speed_is_measured() -> bool:
    """Return whether this commit's speed is measured on this machine, to the largest volume."""
    result = read_result("speed")
    if result is None or not same_run({"kind": "speed", **provenance({})}, result):
        return False
    return any(row["fixed_shape"] == list(SIZES[-1]) and row["call_s"] for row in result["rows"])


def module(name: str, *words: str) -> None:
    """Run a module of the benchmarks in a process of its own, so that none holds another's memory."""
    print(f"== {name}", *words, flush=True)
    subprocess.run([sys.executable, "-m", name, *words], cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())
