"""Many pairs at once: registrations in worker processes that live as long as the pool."""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from queue import SimpleQueue
from threading import Lock
from typing import Any, Self

import torch
import torch.multiprocessing

from hepareg.api import register
from hepareg.errors import DeviceError, SettingsError
from hepareg.registration import RegistrationResult
from hepareg.thread_variables import THREAD_VARIABLES
from hepareg.voxel_tensor import voxel_array

__all__ = ["RegistrationPool"]


class RegistrationPool:
    """Worker processes that each register one pair at a time.

    A registration consists of many short steps, most of them in Python, so that one process leaves a GPU idle for three
    quarters of the time. Tensors on a CUDA device are shared with the workers without a copy; other images are copied,
    and images that are given as paths are read by the workers.

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
        self._defaults = {"device": device, "threads": threads}
        self._ahead = 2 * workers
        self._workers = [_Worker(threads) for _ in range(workers)]
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(workers)  # each waits for one worker

    def register(self, pairs: Iterable[Mapping[str, Any]]) -> list[RegistrationResult | Exception]:
        """Return the result of each pair, or the error in its place, in the order of the pairs.

        Pairs are taken from the iterable as workers come free, two for each worker ahead; a pair's arrays must not
        change before the results are there. Results come without the images.

        Parameters
        ----------
        pairs
            The arguments of `hepareg.register` for each pair, by their names.

        Returns
        -------
        list
            For a pair that cannot be registered the exception that `hepareg.register` raises, a HeparegError for every
            input that is no good; for a pair whose worker process died a DeviceError. A new process then takes the
            worker's place, and the other pairs go on.

        Raises
        ------
        DeviceError
            If no worker process can begin.
        """
        remaining = iter(pairs)
        waiting = deque(self._submit(islice(remaining, self._ahead)))
        results: list[RegistrationResult | Exception] = []
        try:
            while waiting:
                results.append(waiting.popleft().result())
                waiting.extend(self._submit(islice(remaining, 1)))
        finally:
            for future in waiting:
                future.cancel()
        return results

    def close(self) -> None:
        """End the workers."""
        self._threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _submit(self, pairs: Iterator[Mapping[str, Any]]) -> list[Future[RegistrationResult | Exception]]:
        return [self._threads.submit(self._run, {**self._defaults, **_sendable(pair)}) for pair in pairs]

    def _run(self, arguments: Mapping[str, Any]) -> RegistrationResult | Exception:
        worker = self._idle.get()
        try:
            return worker.run(arguments)
        finally:
            self._idle.put(worker)


class _Worker:
    """One process that registers one pair at a time, replaced by a new one if it dies."""

    _starting = Lock()
    """Held while a process starts with its own environment variables."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._process: ProcessPoolExecutor | None = None

    def run(self, arguments: Mapping[str, Any]) -> RegistrationResult | Exception:
        """Return the result of one pair, or the error that it ended with.

        Raises
        ------
        DeviceError
            If no process can begin.
        """
        process = self._process or self._start()
        try:
            return process.submit(_register, arguments).result()
        except BrokenProcessPool:
            self.close()
            return DeviceError(
                "expected a worker process that lives until its pair is registered, got one that ended; "
                "give it more memory, or a smaller pair"
            )
        except Exception as error:  # of this pair, whatever it is: the other pairs go on
            return error

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.shutdown(cancel_futures=True)
            self._process = None

    def _start(self) -> ProcessPoolExecutor:
        """Start the process and wait until it is there."""
        context = torch.multiprocessing.get_context("spawn")  # a CUDA context does not survive a fork
        self._process = ProcessPoolExecutor(1, context, torch.set_num_threads, (self._threads,))
        with self._starting, _environment(dict.fromkeys(THREAD_VARIABLES, str(self._threads))):
            begun = self._process.submit(os.getpid)
        try:
            begun.result()
        except BrokenProcessPool as error:
            self.close()
            raise DeviceError(
                "expected worker processes that begin, got one that could not: too little memory, or a "
                'script that makes its pool outside of `if __name__ == "__main__":`; make a new pool'
            ) from error
        return self._process


def _register(arguments: Mapping[str, Any]) -> RegistrationResult:
    """Return the result without its images, which would have to be sent back."""
    return register(**arguments).registered.result


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
