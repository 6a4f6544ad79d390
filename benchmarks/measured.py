"""Run a command as a process of its own and measure it: seconds, processor seconds, peak memory, time limit.

The command is started by a second, tiny process (this file run as a script), since on Linux a process
inherits the peak memory of the one that forked it: started from here, every tool would appear to need
at least what the benchmark itself holds.
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
    """How a process went.

    Parameters
    ----------
    exit_status
        0 where it ended well; negative is a signal.
    timed_out
        Whether it was stopped at the time limit.
    process_s, cpu_s
        Wall-clock seconds from start to end, and processor seconds of it and its children.
    peak_bytes
        Peak resident memory of its largest process.
    log_tail
        The end of what it printed.
    others_cpu_s
        Processor seconds that everything else on the machine took meanwhile, what a host takes from a virtual machine
        included: near 0 on a quiet machine. None where the system does not say.
    """

    exit_status: int
    timed_out: bool
    process_s: float
    cpu_s: float
    peak_bytes: int
    log_tail: str
    others_cpu_s: float | None = None


def run_measured(
    command: Sequence[str | Path], *, limit_s: float, cwd: Path | None = None, environment: Mapping[str, str] = {}
) -> Outcome:
    """Run ``command``, stop it and its children after ``limit_s``, and return what was measured."""
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
    busy = _busy_seconds()
    begin = time.perf_counter()
    _go_first_when_memory_runs_out()
    process = subprocess.Popen(command, process_group=0)
    timed_out = threading.Event()

    def stop() -> None:
        timed_out.set()
        os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(limit_s, stop)
    timer.start()
    status = process.wait()
    seconds = time.perf_counter() - begin
    timer.cancel()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    kibi = 1 if sys.platform == "darwin" else 1024
    own = usage.ru_utime + usage.ru_stime
    facts = {
        "exit_status": status,
        "timed_out": timed_out.is_set(),
        "process_s": seconds,
        "cpu_s": own,
        "peak_bytes": usage.ru_maxrss * kibi,
        "others_cpu_s": None if busy is None else max(0.0, _busy_seconds() - busy - own),
    }
    report.write_text(json.dumps(facts))


def _busy_seconds() -> float | None:
    """Return the processor seconds that the machine has worked since it started, stolen ones included."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return None
    user, nice, system, _idle, _wait, irq, softirq, steal = map(int, stat.read_text().split("\n", 1)[0].split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _go_first_when_memory_runs_out() -> None:
    """Let the system end the tool, not its neighbours, where memory runs out; the tool inherits this."""
    score = Path("/proc/self/oom_score_adj")
    if score.exists():
        score.write_text("1000")


if __name__ == "__main__":
    _measure(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
