"""Silence for the libraries that read DICOM and meshes: their warnings repeat paths, values and names."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from hepareg.io.shared_context import SharedContext

__all__ = ["pydicom_quiet", "trimesh_quiet"]


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


@contextmanager
def _without_log() -> Iterator[None]:
    logger = logging.getLogger("trimesh")
    was_disabled = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # as for vertices without texture coordinates
            yield
    finally:
        logger.disabled = was_disabled


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
