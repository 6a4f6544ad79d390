"""Many mutants in a worker process that is watched: one that hangs or dies is a fault of its mutant alone."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from tests.fuzz.examination import Outcome

__all__ = ["Examined", "campaign", "fault_lines", "summary"]

MAX_CPU_S = 10.0
"""Processor time of one mutant. It does not depend on how busy the machine is, as time by the clock does."""
MAX_WALL_S = 120.0
"""A mutant for which the reader waits, as on a pipe, takes no processor time: twelve times as long by the clock."""
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Examined:
    """A mutant, the command through which it went (None: in process), and what it did."""

    name: str
    number: int
    command: int | None
    outcome: Outcome

    @property
    def again(self) -> str:
        """Command line that examines the mutant again and keeps its files."""
        how = "" if self.command is None else f" --command {self.command}"
        return f"python -m tests.fuzz {self.name} {self.number}{how} --keep FOLDER"


def campaign(jobs: Iterable[tuple[str, int, int | None]]) -> Iterator[Examined]:
    """Examine mutants by format, number and command, and yield the outcomes."""
    worker: subprocess.Popen[str] | None = None
    try:
        for job in jobs:
            if worker is None:
                worker = _started()
            outcome = _asked(worker, job)
            if worker.poll() is not None:
                _end(worker)
                worker = None
            yield Examined(*job, outcome)
    finally:
        if worker is not None:
            _end(worker)


def _started() -> "subprocess.Popen[str]":
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fuzz.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    )


def _end(worker: "subprocess.Popen[str]") -> None:
    """Close the worker's input, at whose end it ends, and the other pipe."""
    with suppress(BrokenPipeError):
        cast(IO[str], worker.stdin).close()
    worker.wait()
    cast(IO[str], worker.stdout).close()


def _asked(worker: "subprocess.Popen[str]", job: tuple[str, int, int | None]) -> Outcome:
    """Return the outcome of a job; a worker that hangs is ended."""
    stdin, stdout = cast(IO[str], worker.stdin), cast(IO[str], worker.stdout)
    stdin.write(json.dumps(job) + "\n")
    stdin.flush()
    start_s, busy_s = time.monotonic(), _cpu_s(worker.pid)
    while not select.select([stdout], [], [], 0.5)[0]:
        used, waited = _cpu_s(worker.pid) - busy_s, time.monotonic() - start_s
        if used > 3 * MAX_CPU_S or waited > MAX_WALL_S:  # beside the mutant, the format's valid input and imports
            worker.kill()
            worker.wait()
            return Outcome(False, (f"hangs: {used:.0f} s of the processor, {waited:.0f} s by the clock",), used)
    answer = stdout.readline()
    if not answer:
        return Outcome(False, (f"the process ended with code {worker.wait()}",))
    found: dict[str, Any] = json.loads(answer)
    slow = (f"took {found['cpu_s']:.1f} s of the processor",) if found["cpu_s"] > MAX_CPU_S else ()
    return Outcome(**{**found, "faults": (*found["faults"], *slow)})


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fault_lines(found: Iterable[Examined]) -> list[str]:
    """Return for each mutant with a fault its format, mutation, faults, and the command that makes it again."""
    from tests.fuzz.mutant import mutant_of

    lines = []
    for one in found:
        if one.outcome.faults:
            mutation = mutant_of(one.name, one.number).mutation
            lines.append(f"{one.name} {one.number} ({mutation}): {' | '.join(one.outcome.faults)}\n  {one.again}")
    return lines


def summary(found: Iterable[Examined]) -> str:
    """Return a table: mutants, accepted ones, faults, slowest, and most memory of each format."""
    rows = ["format                    mutants accepted refused faults  cpu s  slowest s  most MB"]
    found = list(found)
    for name in [*dict.fromkeys(one.name for one in found), ""]:
        some = [one.outcome for one in found if name in ("", one.name)]
        accepted, faults = sum(o.accepted for o in some), sum(bool(o.faults) for o in some)
        cpu_s = [o.cpu_s for o in some]
        most_mb = max(o.growth_bytes for o in some) / 2**20
        rows.append(
            f"{name or 'all':25} {len(some):7} {accepted:8} {len(some) - accepted:7} {faults:6} {sum(cpu_s):6.1f} "
            f"{max(cpu_s):10.2f} {most_mb:8.0f}"
        )
    return "\n".join(rows)
