"""Silence for the libraries that read DICOM: their warnings repeat paths and values, names of patients among them."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from hepareg.io.shared_context import SharedContext

__all__ = ["pydicom_quiet"]


@contextmanager
def _without_warnings() -> Iterator[None]:
    import pydicom.config

    logger = logging.getLogger("pydicom")
    was_disabled = logger.disabled
    with warnings.catch_warnings(), pydicom.config.disable_value_validation():
        warnings.filterwarnings("ignore", module=r"pydicom(\.|$)")
        logger.disabled = True
        try:
            yield
        finally:
            logger.disabled = was_disabled


_QUIET = SharedContext(_without_warnings)


@contextmanager
def pydicom_quiet() -> Iterator[None]:
    """Keep pydicom from warning, logging and validating values while DICOM is read."""
    with _QUIET.use():
        yield
