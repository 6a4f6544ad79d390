"""Number of threads of a run, set in every library that has threads of its own."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hepareg.errors import SettingsError
from hepareg.thread_variables import THREAD_VARIABLES

__all__ = [
    "MAX_THREADS",
    "limit_threads_at_import",
    "set_threads",
    "spin_briefly",
    "threads_of_a_call",
    "torch_threads",
]

MAX_THREADS = 256
"""More threads would be slower, and a typing error such as 10000 would end the process."""

ITK_THREADS = "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"
"""Environment variable that ITK reads when it is imported."""

SPIN_COUNT = "20000"


def limit_threads_at_import(number: int) -> None:
    """Limit the threads of NumPy's BLAS and of OpenMP, which read environment variables when they are imported.

    Without effect after the import of NumPy, as in a program that uses hepareg as a library.
    """
    if 1 <= number <= MAX_THREADS and "numpy" not in sys.modules:
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(number)))


def spin_briefly() -> None:
    """Make OpenMP's threads sleep after a short spin at a barrier, unless the user has set ``OMP_WAIT_POLICY``.

    A registration passes hundreds of barriers a second. On a machine whose cores are busy with other programs, a
    spinning thread waits for one that is not running, and seconds became a minute. Sleeping at once
    (``OMP_WAIT_POLICY=PASSIVE``) doubles the time on an idle machine; so does, on some machines, sleeping after a
    thousand spins. `SPIN_COUNT` spins cost little in both cases. Only GNU OpenMP reads the variable, when torch is
    imported.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)


def set_threads(number: int) -> None:
    """Set the number of threads of torch (for the calling thread) and of ITK, which is not imported for this.

    Raises
    ------
    SettingsError
        If the number is not between 1 and `MAX_THREADS`.
    """
    if not 1 <= number <= MAX_THREADS:
        raise SettingsError(f"expected 1 to {MAX_THREADS} threads, got {number}")
    import torch

    torch.set_num_threads(number)
    os.environ[ITK_THREADS] = str(number)
    if "SimpleITK" in sys.modules:
        sys.modules["SimpleITK"].ProcessObject.SetGlobalDefaultNumberOfThreads(number)


def threads_of_a_call(asked: int | None) -> int | None:
    """Return the number of threads for one call in a Python program: the asked one, 1, or None for torch's own.

    Once torch is imported, nobody can shorten the time for which OpenMP's threads spin at a barrier. One thread never
    waits: with two cores it takes a third of the time of two spinning threads on a busy machine, and half as long again
    as these on an idle one. A program that limits the spins itself (`spin_briefly`, or ``OMP_WAIT_POLICY``) keeps
    torch's number.
    """
    if asked is not None or "GOMP_SPINCOUNT" in os.environ or "OMP_WAIT_POLICY" in os.environ:
        return asked
    return 1


@contextmanager
def torch_threads(number: int | None) -> Iterator[None]:
    """Set torch's number of threads for a block, and set the earlier number again after it, also after an exception.

    None leaves the number as it is.
    """
    import torch

    if number is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
