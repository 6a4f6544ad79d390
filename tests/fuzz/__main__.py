"""Examine one mutant again, or many: `python -m tests.fuzz nrrd 17`, `python -m tests.fuzz --mutants 150`."""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from tests.fuzz.campaign import campaign, fault_lines, summary
from tests.fuzz.examination import written_out
from tests.fuzz.mutant import mutant_of
from tests.fuzz.seeds import FAMILIES, FORMATS


def main() -> None:
    """Examine what the arguments name, and print faults and a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=main.__doc__)
    parser.add_argument("format", nargs="?", choices=[*FORMATS, *FAMILIES], help="or a family; default: all formats")
    parser.add_argument("number", nargs="?", type=int, help="one mutant; default: as many as --mutants says")
    parser.add_argument("--first", type=int, default=1, help="first number (default: 1)")
    parser.add_argument("--mutants", type=int, default=150, help="mutants of each format (default: 150)")
    parser.add_argument("--command", type=int, metavar="N", help="through the N-th command instead of in process")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="new folder for the files of the one mutant")
    arguments = parser.parse_args()
    names = list(FAMILIES.get(arguments.format, [arguments.format] if arguments.format else FORMATS))
    numbers = range(arguments.first, arguments.first + arguments.mutants)
    if arguments.number is not None:
        numbers = range(arguments.number, arguments.number + 1)
        mutant = mutant_of(names[0], arguments.number)
        print(mutant.mutation)
        if arguments.keep is not None:
            with tempfile.TemporaryDirectory() as folder:
                written_out(mutant, Path(folder))
                shutil.copytree(Path(folder) / "input", arguments.keep)
    found, start_s = [], time.monotonic()
    for one in campaign((name, number, arguments.command) for name in names for number in numbers):
        found.append(one)
        for line in fault_lines([one]):
            print(line, flush=True)
        if arguments.number is not None:
            print(one.outcome.text)
    print(summary(found))
    print(f"{time.monotonic() - start_s:.0f} s by the clock")


if __name__ == "__main__":
    main()
