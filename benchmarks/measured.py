"""Run a command as a process and measure seconds, processor seconds and peak memory, with a time limit.

The command is started by a second, tiny process (this file run as a script), since on Linux a process inherits the peak
memory of the process that forked it: started from the benchmark itself, every tool would appear to need at least the
benchmark's memory.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Outcome", "run_measured"]

LOG_CHARACTERS = 400


@dataclass(frozen=True)
class Outcome:
    """Measurements of one process.

    Parameters
    ----------
    exit_status
        0 after success; a negative number is a signal.
    timed_out
        Whether the process was stopped at the time limit.
    process_s, cpu_s
        Wall-clock seconds from start to end, and processor seconds of the process and its children.
    peak_bytes
        Peak resident memory of the largest of these processes.
    load_average
        One-minute load average of the machine at the start and at the end: processes that ran or waited for a
        processor, those of other programs included.
    log_tail
        End of the printed text.
    """

    exit_status: int
    timed_out: bool
    process_s: float
    cpu_s: float
    peak_bytes: int
    load_average: tuple[float, float]
    log_tail: str


def run_measured(
    command: Sequence[str | Path], *, limit_s: float, cwd: Path | None = None, environment: Mapping[str, str] = {}
) -> Outcome:
    """Run ``command`` for at most ``limit_s`` seconds and return its measurements."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        launcher = [sys.executable, "-I", "-S", __file__, str(report), str(limit_s), *map(str, command)]
        done = subprocess.run(
            launcher, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, errors="replace"
        )
        if not report.exists():
            raise OSError(f"the measuring process failed: {done.stderr[-LOG_CHARACTERS:]}")
        return Outcome(**json.loads(report.read_text()), log_tail=(done.stdout + done.stderr)[-LOG_CHARACTERS:])


def _measure(report: Path, limit_s: float, command: list[str]) -> None:
    load = os.getloadavg()[0]
    begin = time.perf_counter()
    _go_first_when_memory_runs_out()
    process = subprocess.Popen(command, process_group=0)
    timer = threading.Timer(limit_s, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    status = process.wait()
    seconds = time.perf_counter() - begin
    timer.cancel()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    kibi = 1 if sys.platform == "darwin" else 1024
    facts = {
        "exit_status": status,
        "timed_out": seconds >= limit_s,
        "process_s": seconds,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * kibi,
        "load_average": (load, os.getloadavg()[0]),
    }
    report.write_text(json.dumps(facts))


def _go_first_when_memory_runs_out() -> None:
    """Let the system end the tool, and not its neighbours, when memory runs out; the tool inherits this setting."""
    score = Path("/proc/self/oom_score_adj")
    if score.exists():
        score.write_text("1000")


if __name__ == "__main__":
    _measure(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
