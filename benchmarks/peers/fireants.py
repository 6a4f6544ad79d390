"""FireANTs: a row that says why it was not run; it needs a CUDA device.

Its licence restricts copying, so it may only be called through its documented interface. That call is
added on a machine where its convention can be proven (`benchmarks.peers.proof`); before that it has
no row with numbers.

References
----------
Jena, Chaudhari, Gee, "FireANTs: adaptive Riemannian optimization for multi-scale diffeomorphic
matching", 2024. doi:10.48550/arXiv.2404.01249
"""

import shutil
from typing import NoReturn

from benchmarks.peers.inputs import Inputs

NAME = "FireANTs"


def missing() -> str:
    """Return why FireANTs is not run."""
    if shutil.which("nvidia-smi") is None:
        return "no CUDA device on this machine"
    return "convention not proven: no CUDA device was at hand when the adapters were proven"


def version() -> str:
    """Return a dash: it is not installed."""
    return "-"


def find(inputs: Inputs) -> NoReturn:
    """Refuse: `missing` says why."""
    raise RuntimeError(missing())
