"""A volume written as a series of DICOM CT images, for data that belongs to nobody."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid

from hepareg.errors import ImageError
from hepareg.volume import Volume

__all__ = ["write_dicom_series"]

EMPTY = (
    "AccessionNumber", "ReferringPhysicianName", "PatientBirthDate", "KVP", "AcquisitionNumber", "Manufacturer",
    "PositionReferenceIndicator", "ContentDate", "ContentTime",
)  # fmt: skip
"""Attributes that a CT image must have and may leave empty."""

NO_DATE, NO_TIME = "19000101", "000000"
"""What belongs to nobody was taken on no day; an index of a disc (DICOMDIR) wants one all the same."""


def write_dicom_series(folder: str | Path, volume: Volume, *, study: str, series_number: int, description: str) -> None:
    """Write a volume as one DICOM file per slice along its last axis; the same arguments give the same bytes.

    Parameters
    ----------
    folder
        New folder for the files.
    volume
        int16 HU.
    study
        Any text that is the same for the series of one study; it becomes the patient ID, and the identifiers
        (UIDs) are derived from it. Series of one study share a frame of reference.
    series_number
        Number of the series within the study.
    description
        Name of the series.

    Raises
    ------
    ImageError
        If the voxels are not int16.

    References
    ----------
    DICOM PS3.3, A.3 CT Image IOD and C.7.6.2 Image Plane Module.
    """
    if volume.data.dtype != np.int16:
        raise ImageError(f"expected int16 HU for a DICOM series, got {volume.data.dtype}; round and convert first")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    common = _series_attributes(volume, study, series_number, description)
    positions = volume.grid.world_points([[0, 0, k] for k in range(volume.shape[2])]) * [-1, -1, 1]
    for k, position in enumerate(positions):
        uid = _uid(study, series_number, k)
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = uid
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image = FileDataset(str(folder), {}, file_meta=meta, preamble=b"\0" * 128)
        image.update(common)
        image.SOPInstanceUID = uid
        image.InstanceNumber = k + 1
        image.ImagePositionPatient = [_decimal(x) for x in position]
        image.PixelData = np.ascontiguousarray(volume.data[:, :, k].T).astype("<i2").tobytes()
        image.save_as(folder / f"{k + 1:04d}.dcm", enforce_file_format=True)


def _series_attributes(volume: Volume, study: str, series_number: int, description: str) -> Dataset:
    directions = (volume.grid.world_from_voxel[:3, :2] / volume.grid.spacing_mm[:2]) * np.array([[-1.0], [-1.0], [1.0]])
    spacing = volume.grid.spacing_mm
    common = Dataset()
    for name in EMPTY:
        setattr(common, name, None if name in ("KVP", "AcquisitionNumber") else "")
    common.SOPClassUID = CTImageStorage
    common.Modality = "CT"
    common.ImageType = ["DERIVED", "PRIMARY", "AXIAL"]
    common.PatientName, common.PatientID = f"{study}^", study
    common.PatientSex = "O"
    common.PatientPosition, common.BodyPartExamined = "HFS", "ABDOMEN"
    common.StudyDate, common.StudyTime, common.StudyID = NO_DATE, NO_TIME, "1"
    common.StudyInstanceUID = _uid(study)
    common.FrameOfReferenceUID = _uid(study, "frame of reference")
    common.SeriesInstanceUID = _uid(study, series_number)
    common.SeriesNumber = series_number
    common.SeriesDescription = description
    common.DerivationDescription = "simulated"
    common.ImageOrientationPatient = [_decimal(x) for x in directions.T.ravel()]
    common.PixelSpacing = [_decimal(spacing[1]), _decimal(spacing[0])]
    common.SliceThickness = common.SpacingBetweenSlices = _decimal(spacing[2])
    common.Columns, common.Rows = volume.shape[:2]
    common.SamplesPerPixel = 1
    common.PhotometricInterpretation = "MONOCHROME2"
    common.BitsAllocated = common.BitsStored = 16
    common.HighBit = 15
    common.PixelRepresentation = 1
    common.RescaleIntercept, common.RescaleSlope, common.RescaleType = 0, 1, "HU"
    return common


def _uid(*sources: object) -> UID:
    return UID(generate_uid(entropy_srcs=[repr(source) for source in ("hepareg", *sources)]))


def _decimal(value: float) -> str:
    """Return a number in the 16 characters that a decimal string may have, as exactly as they allow."""
    for digits in range(16, 0, -1):
        text = f"{value + 0.0:.{digits}g}"
        if len(text) <= 16:
            return text
    raise AssertionError("one digit always fits")
