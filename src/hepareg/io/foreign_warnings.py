"""Silence for the libraries that read DICOM: their warnings repeat paths and values, names of patients among them."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

__all__ = ["pydicom_quiet"]

_LOCK = threading.Lock()
_STATE = {"users": 0}
_SETTINGS = ExitStack()


@contextmanager
def pydicom_quiet() -> Iterator[None]:
    """Keep pydicom from warning, logging and validating values while DICOM is read.

    Both images of a pair are read at once, and these settings hold for the whole process: the first reader
    switches, the last one switches back.
    """
    with _LOCK:
        if not _STATE["users"]:
            _switch_off()
        _STATE["users"] += 1
    try:
        yield
    finally:
        with _LOCK:
            _STATE["users"] -= 1
            if not _STATE["users"]:
                _SETTINGS.close()


def _switch_off() -> None:
    import pydicom.config

    _SETTINGS.enter_context(warnings.catch_warnings())
    warnings.filterwarnings("ignore", module=r"pydicom(\.|$)")
    _SETTINGS.enter_context(pydicom.config.disable_value_validation())
    logger = logging.getLogger("pydicom")
    _SETTINGS.callback(setattr, logger, "disabled", logger.disabled)
    logger.disabled = True
