"""Headers of DICOM images: the few attributes that placing, sorting and scaling a CT need.

What identifies a person stays out: of the patient ID only a hash is kept, salted anew in every
process, so that two inputs of one run can be compared and nothing else.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hepareg.errors import FileFormatError
from hepareg.io.byte_stream import reading

__all__ = ["SliceHeader", "read_headers"]

_SALT = secrets.token_bytes(32)
KEYWORDS = (
    "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "PatientID", "Modality", "ImageType", "Rows", "Columns",
    "NumberOfFrames", "SamplesPerPixel", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
    "RescaleSlope", "RescaleIntercept", "AcquisitionNumber", "TemporalPositionIdentifier", "TriggerTime",
    "AcquisitionDate", "AcquisitionTime", "ContentDate", "ContentTime",
)  # fmt: skip


@dataclass(frozen=True)
class SliceHeader:
    """What is needed of one DICOM image; None where the file does not say.

    Positions, directions and lengths are DICOM's: patient LPS mm, spacing of rows before columns.
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

    Parameters
    ----------
    folder
        Searched with its subfolders, in the order of names.
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

    headers = []
    # Validation warnings would repeat the values that they find fault with, names among them.
    with reading(folder, expected="a folder of DICOM"), pydicom.config.disable_value_validation():
        next(Path(folder).iterdir(), None)  # a missing or forbidden folder speaks up here
        files = sorted(path for path in Path(folder).rglob("*") if path.is_file() and path.name != "DICOMDIR")
        for done, path in enumerate(files):
            try:
                dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(KEYWORDS))
            except InvalidDicomError:
                continue
            if "Rows" in dataset and "SeriesInstanceUID" in dataset:
                headers.append(_header_of(dataset, path))
            if progress is not None:
                progress(done + 1, len(files))
    if not headers:
        raise FileFormatError(f"expected a folder of DICOM images, got none in {folder}")
    return headers


def _header_of(dataset: Any, path: Path) -> SliceHeader:
    try:
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
    except (ValueError, TypeError) as error:
        raise FileFormatError(f"expected a DICOM image, got an attribute that cannot be read in {path.name}") from error


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
