"""ITK's and HDF5's own messages, which go to stderr past Python, kept away for the time of a call."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["silent_itk"]

STDERR = 2
_LOCK = threading.Lock()
_STATE: dict[str, int] = {"users": 0, "kept": -1}


@contextmanager
def silent_itk() -> Iterator[None]:
    """Keep messages of ITK, MetaIO and HDF5 from stderr, which they write to by its number.

    Both images of a pair may be read at once: the first reader turns the file descriptor away, the last one turns it
    back, also after an exception.
    """
    with _LOCK:
        if not _STATE["users"]:
            _turn_away()
        _STATE["users"] += 1
    try:
        yield
    finally:
        with _LOCK:
            _STATE["users"] -= 1
            if not _STATE["users"]:
                _turn_back()


def _turn_away() -> None:
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
        _STATE["kept"] = os.dup(STDERR)
    except (OSError, ValueError):  # closed by whoever called: there is nothing to keep clean
        _STATE["kept"] = -1
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STDERR)
    os.close(nowhere)


def _turn_back() -> None:
    if _STATE["kept"] >= 0:
        os.dup2(_STATE["kept"], STDERR)
        os.close(_STATE["kept"])
        _STATE["kept"] = -1
