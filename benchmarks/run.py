"""Everything that ``make bench`` measures, in one go: ``python -m benchmarks.run [--quick]``.

Makes the core set, runs hepareg and the peers on it with masks and without, measures speed, and writes the
pages. ``--quick`` takes six pairs with masks and two without, and three repeats.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.page import main as write_pages
from benchmarks.results import ROOT

QUICK = ["phantom_typical", "real_typical", "real_large", "real_noise", "real_cut_liver", "real_follow_up"]
QUICK_WITHOUT_MASKS = ["real_no_mask", "phantom_no_mask"]


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer pairs and repeats")
    parser.add_argument("--pairs", type=Path, default=ROOT / "build" / "core", help="the core set, made if not there")
    parser.add_argument("--tools", nargs="+", help="keys of the contenders to run (default: all)")
    parser.add_argument("--threads", default="2")
    arguments = parser.parse_args()
    quick, threads = arguments.quick, ["--threads", arguments.threads]
    options = [*threads, *(["--tools", *arguments.tools] if arguments.tools else [])]
    only = [["--only", *names] if quick else [] for names in (QUICK, QUICK_WITHOUT_MASKS)]
    if not arguments.pairs.exists():
        chosen = ["--only", *QUICK, *QUICK_WITHOUT_MASKS] if quick else []
        module("benchmarks.accuracy.core", "make", "-o", str(arguments.pairs), *chosen)
    module("benchmarks.compare", str(arguments.pairs), *options, *only[0])
    module("benchmarks.compare", str(arguments.pairs), "--without-masks", *options, *only[1])
    module("benchmarks.speed.measure", *threads, *(["--repeats", "3"] if quick else []))
    return write_pages([])


def module(name: str, *words: str) -> None:
    """Run a module of the benchmarks in a process of its own, so that none holds another's memory."""
    print(f"== {name}", *words, flush=True)
    subprocess.run([sys.executable, "-m", name, *words], cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())
