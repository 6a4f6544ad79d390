"""Many pairs at once: registrations in worker processes that live as long as the pool."""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from typing import Any, Self

import torch
import torch.multiprocessing

from hepareg.errors import DeviceError, SettingsError
from hepareg.registration.register import register
from hepareg.registration.result import RegistrationResult
from hepareg.thread_variables import THREAD_VARIABLES
from hepareg.voxel_tensor import voxel_array

__all__ = ["RegistrationPool"]


class RegistrationPool:
    """Worker processes that each register one pair at a time.

    A registration consists of many short steps, most of them in Python, so that one process leaves a GPU idle for three
    quarters of the time. Tensors on a CUDA device are shared with the workers without a copy; other images are copied.

    Processes take turns on a GPU, and each turn costs more than a step of this work. Start NVIDIA's multi-process
    service first (``nvidia-cuda-mps-control -d``), under which processes run at once: a batch is then three times as
    fast.

    Parameters
    ----------
    workers
        Number of processes. Each takes about half a gigabyte of a GPU's memory for itself.
    device
        ``cpu`` or ``cuda``, for all of them.
    threads
        Number of threads of each worker.

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
        self._threads = threads
        self._ahead = 2 * workers
        context = torch.multiprocessing.get_context("spawn")  # a CUDA context does not survive a fork
        self._pool = ProcessPoolExecutor(workers, context, torch.set_num_threads, (threads,))

    def register(self, pairs: Iterable[Mapping[str, Any]]) -> list[RegistrationResult]:
        """Return the result of each pair, given as the arguments of `hepareg.register`.

        Pairs are taken from the iterable as workers come free, two for each worker ahead; a pair's arrays must not
        change before the results are there.

        Raises
        ------
        HeparegError
            Of the first pair that cannot be registered; the others are not returned.
        DeviceError
            If a worker process died.
        """
        remaining = iter(pairs)
        results, waiting = [], deque(self._submit(islice(remaining, self._ahead)))
        try:
            while waiting:
                results.append(waiting.popleft().result())
                waiting.extend(self._submit(islice(remaining, 1)))
        except BrokenProcessPool as error:
            raise DeviceError(
                "expected worker processes that live, got one that ended, or could not begin: too little memory, or a "
                'script that makes its pool outside of `if __name__ == "__main__":`; make a new pool'
            ) from error
        finally:
            for future in waiting:
                future.cancel()
        return results

    def close(self) -> None:
        """End the workers."""
        self._pool.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _submit(self, pairs: Iterator[Mapping[str, Any]]) -> list[Future[RegistrationResult]]:
        threads = dict.fromkeys(THREAD_VARIABLES, str(self._threads))
        with _environment(threads):  # a worker starts when it is first needed
            return [self._pool.submit(_register, {"device": self._device, **_sendable(pair)}) for pair in pairs]


def _register(arguments: Mapping[str, Any]) -> RegistrationResult:
    return register(**arguments)


def _sendable(pair: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with tensors of the CPU as arrays; torch would move these to shared memory."""
    return {name: tuple(map(_without_cpu_tensor, v)) if isinstance(v, tuple) else v for name, v in pair.items()}


def _without_cpu_tensor(value: Any) -> Any:
    return voxel_array(value.detach()) if isinstance(value, torch.Tensor) and value.device.type == "cpu" else value


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the processes that start inside the block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
