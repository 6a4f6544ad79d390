"""Headers of DICOM images: the few attributes that placing, sorting and scaling a CT need.

What identifies a person stays out: of the patient ID only a hash is kept, salted anew in every
process, so that two inputs of one run can be compared and nothing else.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hepareg.errors import FileFormatError
from hepareg.io.byte_stream import reading

__all__ = ["SliceHeader", "is_multi_frame", "read_headers"]

_SALT = secrets.token_bytes(32)
KEYWORDS = (
    "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "PatientID", "Modality", "ImageType", "Rows", "Columns",
    "NumberOfFrames", "SamplesPerPixel", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
    "RescaleSlope", "RescaleIntercept", "AcquisitionNumber", "TemporalPositionIdentifier", "TriggerTime",
    "AcquisitionDate", "AcquisitionTime", "ContentDate", "ContentTime",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
)  # fmt: skip


@dataclass(frozen=True)
class SliceHeader:
    """What is needed of one DICOM image, or of one frame of an enhanced one; None where the file does not say.

    ``frame`` is the place in its file, from 0, of a frame that has a position of its own; ``num_frames``
    is then 1. Positions, directions and lengths are DICOM's: patient LPS mm, spacing of rows before columns.
    Times are seconds since midnight, plus whole days.
    """

    path: Path
    series_uid: str
    instance_uid: str
    series_number: int
    modality: str
    is_localiser: bool
    size: tuple[int, int]
    num_frames: int
    num_samples: int
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    pixel_spacing: tuple[float, ...] | None
    slope: float | None
    intercept: float | None
    acquisition_number: float | None
    temporal_position: float | None
    trigger_time: float | None
    acquisition_time: float | None
    content_time: float | None
    transfer_syntax: str
    patient_digest: str | None
    frame: int | None = None

    @property
    def normal(self) -> np.ndarray:
        """(3,) unit normal of the slice in LPS."""
        if self.orientation is None:
            raise FileFormatError("expected Image Orientation (Patient) in every slice, got none; export them again")
        return np.cross(self.orientation[:3], self.orientation[3:])

    @property
    def height_mm(self) -> float:
        """Position of the slice along its own normal."""
        if self.position is None:
            raise FileFormatError("expected Image Position (Patient) in every slice, got none; export them again")
        return float(self.normal @ self.position)


def read_headers(folder: str | Path, *, progress: Callable[[int, int], None] | None = None) -> list[SliceHeader]:
    """Read the headers of all DICOM images below a folder; other files are passed over.

    An enhanced multi-frame image gives a header for each of its frames.

    Parameters
    ----------
    folder
        Searched with its subfolders, in the order of names; or a single file with many frames.
    progress
        Called with the number of files done and of all files.

    Raises
    ------
    FileFormatError
        If the folder is missing, cannot be read, or holds no DICOM image.
    """
    import pydicom
    import pydicom.config
    from pydicom.errors import InvalidDicomError

    headers: list[SliceHeader] = []
    # Validation warnings would repeat the values that they find fault with, names among them.
    with reading(folder, expected="a folder of DICOM"), pydicom.config.disable_value_validation():
        files = [Path(folder)] if Path(folder).is_file() else _files_below(Path(folder))
        for done, path in enumerate(files):
            try:
                dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(KEYWORDS))
            except InvalidDicomError:
                continue
            if "Rows" in dataset and "SeriesInstanceUID" in dataset:
                headers.extend(_headers_of(dataset, path))
            if progress is not None:
                progress(done + 1, len(files))
    if not headers:
        raise FileFormatError(f"expected a folder of DICOM images, got none in {folder}")
    return headers


def is_multi_frame(path: str | Path) -> bool:
    """Return whether a path is a DICOM file with more than one image in it; False where it cannot be read."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["NumberOfFrames"])
        return int(_number(dataset, "NumberOfFrames") or 1) > 1
    except (OSError, InvalidDicomError, ValueError, TypeError):
        return False


def _files_below(folder: Path) -> list[Path]:
    next(folder.iterdir(), None)  # a missing or forbidden folder speaks up here
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "DICOMDIR")


def _headers_of(dataset: Any, path: Path) -> Iterator[SliceHeader]:
    """Yield the header of an image, or those of an enhanced image's frames."""
    try:
        header = _header_of(dataset, path)
        frames = dataset.get("PerFrameFunctionalGroupsSequence") or []
        if len(frames) != header.num_frames or (header.num_frames == 1 and header.position is not None):
            yield header
            return
        shared = (dataset.get("SharedFunctionalGroupsSequence") or [None])[0]
        for number, frame in enumerate(frames):
            yield _header_of_frame(header, frame, shared, number)
    except (ValueError, TypeError) as error:
        raise FileFormatError(f"expected a DICOM image, got an attribute that cannot be read in {path.name}") from error


def _header_of_frame(header: SliceHeader, frame: Any, shared: Any, number: int) -> SliceHeader:
    """Return the header of one frame, whose attributes lie in functional groups: its own, or those of all frames.

    References
    ----------
    DICOM PS3.3, C.7.6.16 (multi-frame functional groups) and C.8.15 (enhanced CT image).
    """
    from pydicom.dataset import Dataset

    def group(name: str) -> Any:
        found = frame.get(name) or (shared.get(name) if shared is not None else None)
        return found[0] if found else Dataset()

    content, scaling = group("FrameContentSequence"), group("PixelValueTransformationSequence")
    kind = group("CTImageFrameTypeSequence").get("FrameType") or []
    return replace(
        header,
        instance_uid=f"{header.instance_uid}#{number}",
        is_localiser=header.is_localiser or "LOCALIZER" in list(kind),
        num_frames=1,
        position=_numbers(group("PlanePositionSequence"), "ImagePositionPatient", 3),
        orientation=_numbers(group("PlaneOrientationSequence"), "ImageOrientationPatient", 6),
        pixel_spacing=_numbers(group("PixelMeasuresSequence"), "PixelSpacing", 2),
        slope=_number(scaling, "RescaleSlope"),
        intercept=_number(scaling, "RescaleIntercept"),
        acquisition_number=_number(content, "FrameAcquisitionNumber"),
        temporal_position=_number(content, "TemporalPositionIndex"),
        acquisition_time=_seconds_of_moment(content, "FrameAcquisitionDateTime"),
        content_time=_seconds_of_moment(content, "FrameReferenceDateTime"),
        frame=number,
    )


def _header_of(dataset: Any, path: Path) -> SliceHeader:
    return SliceHeader(
        path=path,
        series_uid=str(dataset.SeriesInstanceUID),
        instance_uid=str(dataset.get("SOPInstanceUID", "")),
        series_number=int(_number(dataset, "SeriesNumber") or 0),
        modality=str(dataset.get("Modality", "")),
        is_localiser="LOCALIZER" in list(dataset.get("ImageType") or []),
        size=(int(dataset.Columns), int(dataset.Rows)),
        num_frames=int(_number(dataset, "NumberOfFrames") or 1),
        num_samples=int(_number(dataset, "SamplesPerPixel") or 1),
        position=_numbers(dataset, "ImagePositionPatient", 3),
        orientation=_numbers(dataset, "ImageOrientationPatient", 6),
        pixel_spacing=_numbers(dataset, "PixelSpacing", 2),
        slope=_number(dataset, "RescaleSlope"),
        intercept=_number(dataset, "RescaleIntercept"),
        acquisition_number=_number(dataset, "AcquisitionNumber"),
        temporal_position=_number(dataset, "TemporalPositionIdentifier"),
        trigger_time=_number(dataset, "TriggerTime"),
        acquisition_time=_seconds(dataset, "AcquisitionDate", "AcquisitionTime"),
        content_time=_seconds(dataset, "ContentDate", "ContentTime"),
        transfer_syntax=str(dataset.file_meta.get("TransferSyntaxUID", "")),
        patient_digest=_digest(str(dataset.get("PatientID") or "").strip()),
    )


def _digest(patient_id: str) -> str | None:
    return hashlib.blake2b(patient_id.encode(), key=_SALT, digest_size=16).hexdigest() if patient_id else None


def _number(dataset: Any, keyword: str) -> float | None:
    value = dataset.get(keyword)
    return None if value is None or value == "" else float(value)


def _numbers(dataset: Any, keyword: str, count: int) -> tuple[float, ...] | None:
    value = dataset.get(keyword)
    if not value:
        return None
    if len(value) != count:
        raise ValueError(f"{keyword} has {len(value)} values")
    return tuple(float(x) for x in value)


def _seconds(dataset: Any, date_keyword: str, time_keyword: str) -> float | None:
    """Return a DICOM date and time (YYYYMMDD, HHMMSS.FFFFFF) in seconds, or None without a time."""
    from pydicom.valuerep import DA, TM

    time = dataset.get(time_keyword)
    if not time:
        return None
    clock, date = TM(str(time)), dataset.get(date_keyword)
    days = DA(str(date)).toordinal() if date else 0  # type: ignore[union-attr]
    return days * 86400.0 + clock.hour * 3600 + clock.minute * 60 + clock.second + clock.microsecond * 1e-6


def _seconds_of_moment(dataset: Any, keyword: str) -> float | None:
    """Return a DICOM date with time (YYYYMMDDHHMMSS.FFFFFF) in seconds, or None."""
    from pydicom.valuerep import DT

    text = dataset.get(keyword)
    if not text:
        return None
    moment = DT(str(text))
    clock = moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond * 1e-6
    return moment.toordinal() * 86400.0 + clock
