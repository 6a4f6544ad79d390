"""Many pairs at once: registrations in worker processes that stay warm, in the order in which the pairs came."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Self

import torch
import torch.multiprocessing

from hepareg.errors import SettingsError
from hepareg.registration.register import register
from hepareg.registration.result import RegistrationResult

__all__ = ["RegistrationPool"]


class RegistrationPool:
    """Worker processes that each register one pair at a time.

    A registration is short steps of small work, most of it in Python: one process leaves a GPU idle for three quarters
    of the time. Tensors on a CUDA device are handed over where they are, without a copy; arrays are copied.

    Processes take turns on a GPU, and each turn costs more than a step of this work: start NVIDIA's multi-process service
    first (``nvidia-cuda-mps-control -d``), under which they run at once. It makes a batch three times as fast.

    Parameters
    ----------
    workers
        Processes. On a GPU each takes about half a gigabyte of it for itself.
    device
        ``cpu`` or ``cuda``, for all of them.
    threads
        Of each worker.

    Raises
    ------
    SettingsError
        If there is not at least one worker with one thread.

    Examples
    --------
    In a script the pool has to be made under ``if __name__ == "__main__":``, since workers import it.

    >>> from hepareg import RegistrationPool                                           # doctest: +SKIP
    >>> with RegistrationPool(workers=8, device="cuda") as pool:                       # doctest: +SKIP
    ...     results = pool.register({"moving": a, "fixed": v, "fixed_mask": m} for a, v, m in cases)
    """

    def __init__(self, *, workers: int, device: str = "cpu", threads: int = 1) -> None:
        if workers < 1 or threads < 1:
            raise SettingsError(f"expected at least 1 worker with 1 thread, got {workers} with {threads}")
        self._device = device
        context = torch.multiprocessing.get_context("spawn")  # a CUDA context does not survive a fork
        self._pool = ProcessPoolExecutor(workers, context, torch.set_num_threads, (threads,))

    def register(self, pairs: Iterable[Mapping[str, Any]]) -> list[RegistrationResult]:
        """Return the result of each pair, given as the arguments of `hepareg.register`.

        Raises
        ------
        HeparegError
            Of the first pair that cannot be registered; the others are not returned.
        """
        return list(self._pool.map(_registered, ({"device": self._device, **pair} for pair in pairs)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.shutdown(cancel_futures=True)


def _registered(arguments: Mapping[str, Any]) -> RegistrationResult:
    return register(**arguments)
