"""What runs in the comparison: the peers in their environment, hepareg in its own, and hepareg's floor.

A contender gives the command for one pair and reads what it left behind. hepareg is run as its users run
it, on the files as they are; the peers get prepared files (`benchmarks.peers.preparation`).
"""

import json
import shutil
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import numpy as np

from benchmarks.measured import Outcome
from benchmarks.pairs import Pair
from benchmarks.peers import ADAPTERS
from hepareg.networks.trained import trained_weights

__all__ = ["Contender", "Floor", "Hepareg", "Job", "Machine", "NetworkAlone", "Peer", "WarmCall", "contenders"]

REJECTED = 3


@dataclass(frozen=True)
class Job:
    """One run: a pair, its prepared inputs, whether masks are given, an empty folder for the answer."""

    pair: Pair
    prepared: Path
    masks: bool
    folder: Path
    threads: int


class Contender(Protocol):
    """What the comparison needs of everything that it runs."""

    key: str
    name: str
    good_statuses: frozenset[int]

    def missing(self) -> str | None:
        """Return why this cannot run here, or None."""

    def command(self, job: Job) -> list[str]:
        """Return the command line for a job."""

    def answer(self, job: Job, outcome: Outcome) -> dict[str, Any]:
        """Return ``status`` and what is known besides: ``matrix``, ``call_s``, ``decision``, ``expected_tre_mm``."""


@dataclass(frozen=True)
class Peer:
    """An adapter of `benchmarks.peers`, run by the peers' Python."""

    key: str
    python: Path
    good_statuses: frozenset[int] = frozenset({0})

    @property
    def name(self) -> str:
        """Name for tables."""
        return import_module(f"benchmarks.peers.{self.key}").NAME

    def missing(self) -> str | None:
        """Return None where the peers' environment is there; the adapter knows about its tool."""
        return None if self.python.exists() else "the peers' environment is not there: run `make bench`"

    def command(self, job: Job) -> list[str]:
        """Return the command line for a job."""
        words = [self.python, "-m", "benchmarks.peers.run", self.key, job.prepared, job.folder / "answer.json"]
        return [*map(str, words), "--threads", str(job.threads)]

    def answer(self, job: Job, outcome: Outcome) -> dict[str, Any]:
        """Return what the adapter wrote."""
        answer = json.loads((job.folder / "answer.json").read_text())
        if "missing" in answer:
            return {"status": "not_run", "reason": answer["missing"]}
        return {"status": "found", "matrix": answer["matrix"], "call_s": answer["call_s"], "version": answer["version"]}


@dataclass(frozen=True)
class Hepareg:
    """The command ``hepareg register``, as a rule with ``--matrix-only``."""

    key: str = "hepareg"
    name: str = "hepareg"
    matrix_only: bool = True
    good_statuses: frozenset[int] = frozenset({0, REJECTED})

    def missing(self) -> str | None:
        """Return None: it can always run."""
        return None

    def command(self, job: Job) -> list[str]:
        """Return the command line for a job."""
        words = [sys.executable, "-m", "hepareg", "register", job.pair.image("moving"), job.pair.image("fixed")]
        words += ["-o", job.folder / "out", "--quiet", "--threads", job.threads]
        words += ["--matrix-only"] if self.matrix_only else []
        return [*map(str, words), *mask_options(job)]

    def answer(self, job: Job, outcome: Outcome) -> dict[str, Any]:
        """Return matrix and verdict; a rejected result has no matrix."""
        verdict = json.loads((job.folder / "out" / "result.json").read_text())["verdict"]
        told = {"decision": verdict["decision"], "expected_tre_mm": verdict["expected_liver_tre_mm"]}
        if outcome.exit_status == REJECTED:
            return {"status": "rejected", "reason": "; ".join(map(str, verdict["reasons"])), **told}
        matrix = np.loadtxt(job.folder / "out" / "moving_from_fixed.txt")
        return {"status": "found", "matrix": matrix.tolist(), **told}


@dataclass(frozen=True)
class Floor:
    """What hepareg cannot avoid: start Python, import what a registration needs while the files are read, and end."""

    key: str = "floor"
    name: str = "floor: imports and reading"
    good_statuses: frozenset[int] = frozenset({0})

    def missing(self) -> str | None:
        """Return None: it can always run."""
        return None

    def command(self, job: Job) -> list[str]:
        """Return the command line for a job."""
        return [
            sys.executable,
            "-m",
            "benchmarks.speed.floor",
            str(job.pair.folder),
            *(["--masks"] if job.masks else []),
        ]

    def answer(self, job: Job, outcome: Outcome) -> dict[str, Any]:
        """Return nothing but that it ran: the floor finds no transform."""
        return {"status": "found"}


@dataclass(frozen=True)
class WarmCall:
    """The library call ``hepareg.register`` on volumes in memory, in a process that has called it before."""

    key: str = "hepareg_call"
    name: str = "hepareg, library call"
    device: str = "cpu"
    good_statuses: frozenset[int] = frozenset({0})

    def missing(self) -> str | None:
        """Return why the device cannot be used, or None."""
        absent = self.device == "cuda" and shutil.which("nvidia-smi") is None
        return "no CUDA device on this machine" if absent else None

    def command(self, job: Job) -> list[str]:
        """Return the command line for a job."""
        words = [sys.executable, "-m", "benchmarks.speed.warm", job.pair.folder, job.folder / "answer.json"]
        words += ["--threads", job.threads, "--device", self.device]
        return [*map(str, words), *(["--masks"] if job.masks else [])]

    def answer(self, job: Job, outcome: Outcome) -> dict[str, Any]:
        """Return the median seconds of a call."""
        seconds = json.loads((job.folder / "answer.json").read_text())["call_s"]
        return {"status": "found", "call_s": median(seconds)}


@dataclass(frozen=True)
class NetworkAlone:
    """A network's prediction with no refinement and no verdict; without weights the published form's time alone."""

    key: str
    name: str
    weights: Path | None = None
    good_statuses: frozenset[int] = frozenset({0})

    def missing(self) -> str | None:
        """Return None where there are no weights or the file is there."""
        return None if self.weights is None or self.weights.exists() else "the file of trained weights is not there"

    def command(self, job: Job) -> list[str]:
        """Return the command line for a job."""
        words = [sys.executable, "-m", "benchmarks.network_alone", job.pair.folder, job.folder / "answer.json"]
        words += ["--threads", job.threads, *(["--weights", self.weights] if self.weights else [])]
        return [*map(str, words), *(["--masks"] if job.masks else [])]

    def answer(self, job: Job, outcome: Outcome) -> dict[str, Any]:
        """Return seconds of a call and, of a trained network, the transform."""
        return {"status": "found", **json.loads((job.folder / "answer.json").read_text())}


@dataclass(frozen=True)
class Machine:
    """What the machine needs for the pair whatever the program: see `benchmarks.speed.machine`."""

    task: str
    key: str = "machine"
    good_statuses: frozenset[int] = frozenset({0})

    @property
    def name(self) -> str:
        """Name for tables."""
        return {"inflate": "machine: inflate the four files", "touch": "machine: read both livers' boxes once"}[
            self.task
        ]

    def missing(self) -> str | None:
        """Return None: it can always run."""
        return None

    def command(self, job: Job) -> list[str]:
        """Return the command line for a job."""
        words = [sys.executable, "-m", "benchmarks.speed.machine", job.pair.folder, job.folder / "answer.json"]
        return [*map(str, words), "--task", self.task]

    def answer(self, job: Job, outcome: Outcome) -> dict[str, Any]:
        """Return the shortest seconds: a floor."""
        return {"status": "found", "call_s": min(json.loads((job.folder / "answer.json").read_text())["call_s"])}


def mask_options(job: Job) -> list[str]:
    """Return the mask arguments of ``hepareg register``."""
    if not job.masks:
        return []
    return ["--moving-mask", str(job.pair.image("moving_liver")), "--fixed-mask", str(job.pair.image("fixed_liver"))]


def contenders(python: Path, *, weights: Path | None = None) -> list[Contender]:
    """Return everything that can be compared, in the order of the tables.

    Parameters
    ----------
    python
        The peers' Python.
    weights
        Trained weights of the published network; None measures its time untrained.
    """
    network = NetworkAlone("network", "hepareg's small network alone", trained_weights("small"))
    published = NetworkAlone("published_network", "published network", weights)
    peers = [Peer(key, python) for key in ADAPTERS]
    return [Hepareg(), WarmCall(), Floor(), network, published, *peers]
