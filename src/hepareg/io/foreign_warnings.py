"""Silence for the libraries that read DICOM and meshes: their warnings repeat paths, values and names."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from hepareg.io.shared_context import SharedContext

__all__ = ["pydicom_quiet", "silent_logger", "trimesh_quiet"]


@contextmanager
def silent_logger(name: str) -> Iterator[None]:
    """Keep a logger and those below it from logging; to disable the logger would not silence those below it."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _without_warnings() -> Iterator[None]:
    import pydicom.config

    with warnings.catch_warnings(), pydicom.config.disable_value_validation(), silent_logger("pydicom"):
        warnings.filterwarnings("ignore", module=r"pydicom(\.|$)")
        yield


@contextmanager
def _without_log() -> Iterator[None]:
    with warnings.catch_warnings(), silent_logger("trimesh"):
        warnings.simplefilter("ignore")  # as about vertices without texture coordinates
        yield


_QUIET = SharedContext(_without_warnings)
_QUIET_MESH = SharedContext(_without_log)


@contextmanager
def pydicom_quiet() -> Iterator[None]:
    """Keep pydicom from warning, logging and validating values while DICOM is read."""
    with _QUIET.use():
        yield


@contextmanager
def trimesh_quiet() -> Iterator[None]:
    """Keep trimesh from warning and from logging tracebacks while a mesh is read, moved or written."""
    with _QUIET_MESH.use():
        yield
