"""Headers of DICOM images: the few attributes that placing, sorting and scaling a CT need.

No attribute that identifies a person is kept: of the patient ID there is a hash, salted anew in every
process, so that two inputs of one run can be compared and nothing else.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from hepareg.errors import FileFormatError
from hepareg.io.dicom_files import DicomFile, files_below, read_dataset
from hepareg.io.foreign_warnings import pydicom_quiet

__all__ = ["SliceHeader", "digest_of", "holds_dicom_images", "is_multi_frame", "read_headers", "within_reason"]

LARGEST = 1e10
"""More than any place in mm, number of an image or time in ms that a CT states."""
_SALT = secrets.token_bytes(32)
KEYWORDS = (
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "ProtocolName",
    "FrameOfReferenceUID", "ContrastBolusStartTime", "PatientID", "Modality", "ImageType", "Rows", "Columns",
    "NumberOfFrames", "SamplesPerPixel", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
    "RescaleSlope", "RescaleIntercept", "AcquisitionNumber", "TemporalPositionIdentifier", "TriggerTime",
    "AcquisitionDate", "AcquisitionTime", "AcquisitionDateTime", "ContentDate", "ContentTime",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
)  # fmt: skip


@dataclass(frozen=True)
class SliceHeader:
    """The attributes of one DICOM image, or of one frame of an enhanced one, that a volume needs; None if absent.

    ``frame`` is the place in its file, from 0, of a frame that has a position of its own; ``num_frames``
    is then 1. ``description`` and ``protocol`` are free text, for a terminal alone. Positions, directions and
    lengths are DICOM's: patient LPS mm, spacing of rows before columns. Times are seconds since midnight, plus
    whole days.
    """

    file: DicomFile
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
    description: str = field(default="", repr=False)
    protocol: str = field(default="", repr=False)
    bolus_time: float | None = None
    world_digest: str | None = None

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


def read_headers(path: str | Path, *, progress: Callable[[int, int], None] | None = None) -> list[SliceHeader]:
    """Read the headers of all DICOM images below a folder; other files are passed over.

    An enhanced multi-frame image gives a header for each of its frames.

    Parameters
    ----------
    path
        Folder, zip archive or single file, as `hepareg.io.dicom_files.files_below` takes it.
    progress
        Called with the number of files done and of all files.

    Raises
    ------
    FileFormatError
        If the folder is missing, cannot be read, or holds no DICOM image; if a DICOM file is damaged.
    """
    headers: list[SliceHeader] = []
    files = files_below(path)
    for done, file in enumerate(files):
        dataset = read_dataset(file, tags=KEYWORDS, pixels=False)
        if dataset is not None and "Rows" in dataset and "SeriesInstanceUID" in dataset:
            with pydicom_quiet():  # values are converted when they are asked for
                headers.extend(_headers_of(dataset, file))
        if progress is not None:
            progress(done + 1, len(files))
    if not headers:
        got = f"none among its {len(files)} files" if files else "an empty folder"
        raise FileFormatError(
            f"expected DICOM images in a folder, got {got}: {path}; check the path, or give the file of another format"
        )
    return headers


def holds_dicom_images(path: str | Path) -> bool:
    """Return whether a DICOM image that is no segmentation lies below a folder; one is searched for, not all."""
    with pydicom_quiet():
        headers = (read_dataset(file, tags=("Rows", "Modality"), pixels=False) for file in files_below(path))
        return any(h is not None and "Rows" in h and h.get("Modality") != "SEG" for h in headers)


def is_multi_frame(path: str | Path) -> bool:
    """Return whether a path is a DICOM file with more than one image in it; False if it cannot be read."""
    with pydicom_quiet():
        try:
            dataset = read_dataset(DicomFile(Path(path)), tags=("SOPClassUID", "NumberOfFrames"), pixels=False)
            return dataset is not None and (_optional(dataset, "NumberOfFrames") or 1) > 1
        except FileFormatError:
            return False


def _headers_of(dataset: Any, file: DicomFile) -> Iterator[SliceHeader]:
    """Yield the header of an image, or those of an enhanced image's frames."""
    try:
        header = _header_of(dataset, file)
        frames = dataset.get("PerFrameFunctionalGroupsSequence") or []
        if len(frames) != header.num_frames or (header.num_frames == 1 and header.position is not None):
            yield header
            return
        shared = (dataset.get("SharedFunctionalGroupsSequence") or [None])[0]
        for number, frame in enumerate(frames):
            yield _header_of_frame(header, frame, shared, number)
    except Exception as error:  # values are converted here, and pydicom has no one error for those that cannot be
        if _is_of_another_modality(dataset):
            return
        raise FileFormatError(
            "expected a DICOM image, got an attribute that cannot be read; export it again", listing=file.name
        ) from error


def _is_of_another_modality(dataset: Any) -> bool:
    """Return whether an image states a modality that is not CT; False if its modality cannot be read."""
    try:
        return str(dataset.get("Modality", "")) not in ("CT", "")
    except Exception:  # as above
        return False


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
        acquisition_number=_first(_optional(content, "FrameAcquisitionNumber"), header.acquisition_number),
        temporal_position=_first(_optional(content, "TemporalPositionIndex"), header.temporal_position),
        trigger_time=_first(
            _optional(group("CardiacSynchronizationSequence"), "NominalCardiacTriggerDelayTime"),
            _optional(group("TemporalPositionSequence"), "TemporalPositionTimeOffset"),
        ),
        acquisition_time=_first(_seconds_of_moment(content, "FrameAcquisitionDateTime"), header.acquisition_time),
        content_time=_seconds_of_moment(content, "FrameReferenceDateTime"),
        frame=number,
    )


def _header_of(dataset: Any, file: DicomFile) -> SliceHeader:
    return SliceHeader(
        file=file,
        series_uid=str(dataset.SeriesInstanceUID),
        instance_uid=str(dataset.get("SOPInstanceUID", "")),
        series_number=int(_optional(dataset, "SeriesNumber") or 0),
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
        acquisition_number=_optional(dataset, "AcquisitionNumber"),
        temporal_position=_optional(dataset, "TemporalPositionIdentifier"),
        trigger_time=_optional(dataset, "TriggerTime"),
        acquisition_time=_first(
            _seconds(dataset, "AcquisitionDate", "AcquisitionTime"), _seconds_of_moment(dataset, "AcquisitionDateTime")
        ),
        content_time=_seconds(dataset, "ContentDate", "ContentTime"),
        transfer_syntax=str(dataset.file_meta.get("TransferSyntaxUID", "")),
        patient_digest=digest_of(dataset.get("PatientID")),
        description=_text(dataset, "SeriesDescription"),
        protocol=_text(dataset, "ProtocolName"),
        bolus_time=_seconds(dataset, "AcquisitionDate", "ContrastBolusStartTime"),
        world_digest=digest_of(dataset.get("FrameOfReferenceUID")),
    )


def digest_of(identifier: Any) -> str | None:
    """Return a hash of an identifier, salted anew in every process, or None if it is empty."""
    text = str(identifier or "").strip()
    return hashlib.blake2b(text.encode(), key=_SALT, digest_size=16).hexdigest() if text else None


def _text(dataset: Any, keyword: str) -> str:
    """Return a free text in one line, without characters that steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in str(dataset.get(keyword) or "")).strip()


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _optional(dataset: Any, keyword: str) -> float | None:
    """Return a numeric attribute that only the order of images depends on; None if it cannot be read."""
    try:
        return _number(dataset, keyword)
    except (ValueError, TypeError, OverflowError):  # the last one for infinity where a whole number belongs
        return None


def _number(dataset: Any, keyword: str) -> float | None:
    value = dataset.get(keyword)
    return None if value is None or value == "" else within_reason(value)


def _numbers(dataset: Any, keyword: str, count: int) -> tuple[float, ...] | None:
    value = dataset.get(keyword)
    if not value:
        return None
    if len(value) != count:
        raise ValueError(f"{keyword} has {len(value)} values")
    return tuple(within_reason(x) for x in value)


def within_reason(value: Any) -> float:
    """Return a number; ValueError for NaN, infinity and numbers that no attribute of a CT has."""
    number = float(value)
    if not abs(number) < LARGEST:
        raise ValueError
    return number


def _seconds(dataset: Any, date_keyword: str, time_keyword: str) -> float | None:
    """Return a DICOM date and time (YYYYMMDD, HHMMSS.FFFFFF) in seconds, or None without a time that can be read."""
    from pydicom.valuerep import DA, TM

    time = dataset.get(time_keyword)
    if not time:
        return None
    try:
        clock, date = TM(str(time)), dataset.get(date_keyword)
        days = DA(str(date)).toordinal() if date else 0  # type: ignore[union-attr]
        return days * 86400.0 + clock.hour * 3600 + clock.minute * 60 + clock.second + clock.microsecond * 1e-6
    except (ValueError, TypeError, AttributeError):
        return None


def _seconds_of_moment(dataset: Any, keyword: str) -> float | None:
    """Return a DICOM date with time (YYYYMMDDHHMMSS.FFFFFF) in seconds, or None."""
    from pydicom.valuerep import DT

    text = dataset.get(keyword)
    if not text:
        return None
    try:
        moment = DT(str(text))
        clock = moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond * 1e-6
        return moment.toordinal() * 86400.0 + clock
    except (ValueError, TypeError, AttributeError):
        return None
