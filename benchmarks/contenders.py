"""The programs that are measured: hepareg, its floor, networks alone, and the peers in their own environment.

hepareg is run as its users run it, on the files as they are; the peers get prepared files
(`benchmarks.peers.preparation`).
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pairs import Pair
from benchmarks.peers import ADAPTERS
from benchmarks.tables import Row
from hepareg.networks.trained import trained_weights

__all__ = ["FLOOR", "WARM_CALL", "Contender", "Job", "contenders", "hepareg", "peer"]

REJECTED = 3
"""Exit status of ``hepareg register`` for a rejected result."""


@dataclass(frozen=True)
class Job:
    """One run: a pair, its prepared inputs, whether masks are given, threads, an empty folder for the answer."""

    pair: Pair
    prepared: Path
    masks: bool
    threads: int
    folder: Path = Path()

    @property
    def answer(self) -> Path:
        """File to which the modules of the benchmarks write their answer."""
        return self.folder / "answer.json"


def _written(job: Job, exit_status: int) -> Row:
    """Return the answer file's content, and ``found`` as the status if the file does not say."""
    return {"status": "found", **(json.loads(job.answer.read_text()) if job.answer.exists() else {})}


@dataclass(frozen=True)
class Contender:
    """A program that runs on one pair in a process of its own.

    Parameters
    ----------
    key, name
        Name in result files, and in tables.
    command
        Return the words of the command line of a job.
    answer
        Given a job and an exit status, return ``status`` and as much as is known of ``reason``, ``matrix``, ``call_s``,
        ``decision``, ``expected_tre_mm`` and ``version``.
    missing
        Return the reason why the program cannot run here, or None.
    good_statuses
        Exit statuses after which there is an answer.
    is_peer
        Whether it is an adapter of `benchmarks.peers`: it gets prepared files, and its convention is proven first.
    """

    key: str
    name: str
    command: Callable[[Job], list[Any]]
    answer: Callable[[Job, int], Row] = _written
    missing: Callable[[], str | None] = lambda: None
    good_statuses: frozenset[int] = frozenset({0})
    is_peer: bool = False


def hepareg(*, every_output: bool = False) -> Contender:
    """Return the command ``hepareg register``, with ``--matrix-only`` or with every output."""

    def command(job: Job) -> list[Any]:
        words = ["-m", "hepareg", "register", job.pair.image("moving"), job.pair.image("fixed"), "-o"]
        words += [job.folder / "out", "--quiet", "--threads", job.threads]
        words += [] if every_output else ["--matrix-only"]
        livers = [job.pair.image(f"{side}_liver") for side in ("moving", "fixed")]
        words += ["--moving-mask", livers[0], "--fixed-mask", livers[1]] if job.masks else []
        return [sys.executable, *words]

    name = "hepareg, every output" if every_output else "hepareg"
    return Contender("hepareg", name, command, _hepareg_answer, good_statuses=frozenset({0, REJECTED}))


def _hepareg_answer(job: Job, exit_status: int) -> Row:
    """Return verdict and matrix; a rejected result has no matrix."""
    verdict = json.loads((job.folder / "out" / "result.json").read_text())["verdict"]
    told = {"decision": verdict["decision"], "expected_tre_mm": verdict["expected_liver_tre_mm"]}
    if exit_status == REJECTED:
        return {"status": "rejected", "reason": "; ".join(map(str, verdict["reasons"])), **told}
    return {"status": "found", "matrix": np.loadtxt(job.folder / "out" / "moving_from_fixed.txt").tolist(), **told}


def _module(module: str, *options: Any) -> Callable[[Job], list[Any]]:
    """Return the command of a module that reads a pair and writes an answer file."""

    def command(job: Job) -> list[Any]:
        words = [sys.executable, "-m", module, job.pair.folder, job.answer, "--threads", job.threads, *options]
        return [*words, *(["--masks"] if job.masks else [])]

    return command


FLOOR = Contender("floor", "floor: imports and reading", _module("benchmarks.speed.floor"))
"""The part of a run that hepareg cannot avoid: start Python, import, read the files, end."""
WARM_CALL = Contender("hepareg_call", "hepareg, library call", _module("benchmarks.speed.warm"))
"""The call ``hepareg.register`` on volumes in memory, in a process that has called it before."""


def peer(key: str, python: Path) -> Contender:
    """Return an adapter of `benchmarks.peers`, run by the peers' Python."""

    def command(job: Job) -> list[Any]:
        return [python, "-m", "benchmarks.peers.run", key, job.prepared, job.answer, "--threads", job.threads]

    def missing() -> str | None:
        return None if python.exists() else "the peers' environment does not exist: run `make bench`"

    name = import_module(f"benchmarks.peers.{key}").NAME
    return Contender(key, name, command, missing=missing, is_peer=True)


def contenders(python: Path) -> list[Contender]:
    """Return all contenders in the order of the tables, given the Python of the peers' environment."""
    small = _module("benchmarks.network_alone", "--weights", trained_weights("small"))
    return [
        hepareg(),
        WARM_CALL,
        FLOOR,
        Contender("network", "hepareg's small network alone", small),
        Contender("published_network", "published network", _module("benchmarks.network_alone")),
        *(peer(key, python) for key in ADAPTERS),
    ]
