"""A process that examines the mutants that it is told, one after the other: a line in, a line of JSON out."""

import gc
import json
import os
import resource
import sys
from pathlib import Path

from tests.fuzz.examination import MAX_GROWTH_BYTES, examined
from tests.fuzz.mutant import mutant_of

__all__ = ["main"]

SPARE_BYTES = 1 << 30
"""Address space beyond the limit, for threads' stacks and for pieces that are never touched."""


def main() -> None:
    """Examine mutants until the input ends; the valid input of a format goes before its first mutant."""
    answers = os.fdopen(os.dup(1), "w")
    warm: set[str] = set()
    for line in sys.stdin:
        name, number, command = json.loads(line)
        used = name if command is None else f"{mutant_of(name, 0).kind} {command}"
        if used not in warm:  # imports take time and memory of their own
            warm.add(used)
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            examined(mutant_of(name, 0), command=command)
            gc.collect()
            gc.freeze()  # else each collection looks at the modules' half a million objects again
            _limit_memory()
        print(json.dumps(examined(mutant_of(name, number), command=command).as_dict()), file=answers, flush=True)
    os._exit(0)  # as the command ends; HDF5, after damaged files, would print that it cannot close its library


def _limit_memory() -> None:
    """Let the process have little more memory than is allowed: a mutant that wants more raises MemoryError."""
    status = Path("/proc/self/status").read_text()
    size = next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmSize"))
    limit = size + MAX_GROWTH_BYTES + SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
