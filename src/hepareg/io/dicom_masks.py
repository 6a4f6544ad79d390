"""Masks in DICOM objects: SEG and RTSTRUCT, alone, in a folder beside their images, or in a zip archive."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

from hepareg.errors import FileFormatError, HeparegError, MaskError
from hepareg.io.byte_stream import open_bytes
from hepareg.io.dicom_files import DicomFile, files_below, looks_like_dicom, read_dataset
from hepareg.io.dicom_seg import SEG_CLASSES, segments_of_seg
from hepareg.io.foreign_warnings import pydicom_quiet
from hepareg.io.rtstruct import RTSTRUCT_CLASS, segments_of_rtstruct
from hepareg.io.segmentation import Segments

__all__ = ["read_dicom_masks"]

READERS: dict[str, Callable[..., Segments]] = {
    **dict.fromkeys(SEG_CLASSES, segments_of_seg),
    RTSTRUCT_CLASS: segments_of_rtstruct,
}


@pydicom_quiet()
def read_dicom_masks(path: str | Path) -> Segments | None:
    """Read the one DICOM SEG or RTSTRUCT at a path; None if there is none.

    Raises
    ------
    MaskError
        If there is more than one.
    FileFormatError
        If a DICOM file is damaged.
    """
    if not _may_hold_dicom(Path(path)):
        return None
    found: list[DicomFile] = []
    for file in files_below(path):
        header = read_dataset(file, tags=("SOPClassUID",), pixels=False)
        if header is not None and _class_of(header) in READERS:
            found.append(file)
    if not found:
        return None
    if len(found) > 1:
        raise MaskError(
            f"expected one DICOM segmentation or structure set, got {len(found)}; give the file",
            listing="\n".join(file.name for file in found),
        )
    dataset: Any = read_dataset(found[0])
    if dataset is None:
        raise FileFormatError("expected a DICOM segmentation, got another file in its place", listing=found[0].name)
    name = found[0].name
    segments = _guarded(READERS[_class_of(dataset)], name)(dataset)
    return replace(segments, read=_guarded(segments.read, name))


def _class_of(dataset: Any) -> str:
    """Return the SOP class that a data set states; an empty text if it is damaged."""
    try:
        return str(dataset.get("SOPClassUID", ""))
    except Exception:  # pydicom converts values when they are read, and has no one error for damaged ones
        return ""


def _guarded(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return a function that reads attributes of a DICOM object quietly and names missing ones in one line."""

    @wraps(function)
    def guarded(*arguments: Any, **named: Any) -> Any:
        with pydicom_quiet():
            try:
                return function(*arguments, **named)
            except HeparegError:
                raise
            except Exception as error:  # values are converted when they are read, and each may be damaged
                raise MaskError(
                    "expected a DICOM segmentation or structure set, got one with missing or damaged attributes; "
                    "export it again",
                    listing=name,
                ) from error

    return guarded


def _may_hold_dicom(path: Path) -> bool:
    if not path.is_file():
        return path.is_dir()
    try:
        with open_bytes(path) as stream:
            start = stream.read(132)
    except (OSError, EOFError):
        return False
    return start[:2] == b"PK" or looks_like_dicom(start)
