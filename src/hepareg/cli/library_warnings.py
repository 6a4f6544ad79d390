"""Silence for the libraries under the command: a user sees hepareg's own lines on stderr, and no others."""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from hepareg.io.foreign_warnings import silent_logger

__all__ = ["quiet_libraries"]

LOGGERS = ("pydicom", "nibabel", "nibabel.global", "trimesh", "PIL")


@contextmanager
def quiet_libraries(*, debug: bool) -> Iterator[None]:
    """Keep warnings and log lines of the file libraries from stderr while a command runs; with ``debug`` they show.

    Their texts repeat paths and values of headers, names of patients among them.
    """
    if debug:
        yield
        return
    with ExitStack() as stack:
        for name in LOGGERS:
            stack.enter_context(silent_logger(name))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        yield
