"""ITK's and HDF5's own messages, which go to stderr past Python, kept away for the time of a call."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hepareg.io.shared_context import SharedContext

__all__ = ["silent_itk"]

STDERR = 2


@contextmanager
def _without_stderr() -> Iterator[None]:
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
        kept = os.dup(STDERR)
    except (OSError, ValueError):  # closed by whoever called: there is nothing to keep clean
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STDERR)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, STDERR)
        os.close(kept)


_SILENT = SharedContext(_without_stderr)


@contextmanager
def silent_itk() -> Iterator[None]:
    """Keep messages of ITK, MetaIO and HDF5 from stderr, which they write to by its number."""
    with _SILENT.use():
        yield
