"""Silence for the libraries under the command: a user sees hepareg's own lines on stderr, and no others."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

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
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, was in zip(loggers, before, strict=True):
            logger.disabled = was
