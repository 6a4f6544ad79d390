"""How many threads a run may use, in every library that has threads of its own."""

import os
import sys

from hepareg.errors import SettingsError
from hepareg.thread_variables import THREAD_VARIABLES

__all__ = ["MAX_THREADS", "limit_threads_at_import", "set_threads", "spin_briefly"]

MAX_THREADS = 256
"""More would only get in one another's way, and a typing error such as 10000 would end the process."""

BEFORE_ITK = "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"

SPIN_COUNT = "20000"


def limit_threads_at_import(number: int) -> None:
    """Limit the threads of libraries that ask the environment when they are imported: NumPy's BLAS, and OpenMP.

    Without effect where NumPy is there already, as in a program that uses hepareg as a library.
    """
    if 1 <= number <= MAX_THREADS and "numpy" not in sys.modules:
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(number)))


def spin_briefly() -> None:
    """Let OpenMP's threads go to sleep soon at a barrier where they would spin, unless the user has chosen.

    A registration passes hundreds of barriers a second. Beside other programs that keep the cores busy,
    each spinning thread waits for one that is not running: seconds became a minute. Going to sleep at
    once (``OMP_WAIT_POLICY=PASSIVE``) costs as much again where the machine is idle, on some machines a thousand spins
    do as well; this many lose little either way. Read by GNU OpenMP alone, when torch is imported.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)


def set_threads(number: int) -> None:
    """Set the threads of torch, which are those of the calling thread, and of ITK, which is not imported for this.

    Raises
    ------
    SettingsError
        If the number is not in 1 to `MAX_THREADS`.
    """
    if not 1 <= number <= MAX_THREADS:
        raise SettingsError(f"expected 1 to {MAX_THREADS} threads, got {number}")
    import torch

    torch.set_num_threads(number)
    os.environ[BEFORE_ITK] = str(number)
    if "SimpleITK" in sys.modules:
        sys.modules["SimpleITK"].ProcessObject.SetGlobalDefaultNumberOfThreads(number)
