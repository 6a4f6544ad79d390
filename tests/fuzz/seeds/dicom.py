"""Small valid DICOM: series in several transfer syntaxes, enhanced CT, segmentations and structure sets."""

import io
import zipfile
from pathlib import Path

import pydicom
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from tests.fuzz.seeds.images import VOXELS
from tests.fuzz.seeds.seed import Seed, written
from tests.io.dicom_writer import ct_slice, save, write_enhanced

__all__ = ["DICOM"]

GOLDEN = Path(__file__).parents[2] / "golden"
SERIES = "1.2.826.0.1.3680043.8.498.77"
SPACING_MM = (6.0, 6.0, 5.0)
NUM_SLICES = 4


def _series(syntax=ExplicitVRLittleEndian, **attributes) -> dict[str, bytes]:
    def write(folder: Path) -> None:
        for k in range(NUM_SLICES):
            identity = {"SeriesInstanceUID": SERIES, "SOPInstanceUID": f"{SERIES}.{k}", "RescaleIntercept": 0}
            dataset = ct_slice(k, VOXELS[:, :, k].T.copy(), spacing=SPACING_MM, **identity, **attributes)
            if syntax == RLELossless:
                dataset.file_meta = pydicom.dataset.FileMetaDataset()
                dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
                dataset.compress(RLELossless, generate_instance_uid=False)
            save(dataset, folder / f"{k}.dcm", syntax=syntax)

    return written(write)


def _golden_series(name: str) -> dict[str, bytes]:
    """Return three slices with the pixels of a golden file, in its transfer syntax."""

    def write(folder: Path) -> None:
        for k in range(3):
            dataset = pydicom.dcmread(GOLDEN / "dicom" / name)
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{SERIES}.{k}"
            position = [float(x) for x in dataset.ImagePositionPatient]
            dataset.ImagePositionPatient = [position[0], position[1], position[2] + 5 * k]
            dataset.save_as(folder / f"{k}.dcm")

    return written(write)


def _enhanced() -> dict[str, bytes]:
    identity = {"SeriesInstanceUID": SERIES, "SOPInstanceUID": f"{SERIES}.1"}
    return written(
        lambda folder: write_enhanced(folder / "a.dcm", [VOXELS[:, :, :NUM_SLICES]], spacing=SPACING_MM, **identity)
    )


def _zip() -> dict[str, bytes]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _series().items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return {"a.zip": packed.getvalue()}


def _mask(name: str) -> dict[str, bytes]:
    return {"a.dcm": (GOLDEN / "masks" / name).read_bytes()}


DICOM = {
    "dicom": lambda: Seed("image", "", _series(), ("dicom", "packed")),
    "dicom_implicit": lambda: Seed("image", "", _series(ImplicitVRLittleEndian), ("dicom",)),
    "dicom_big_endian": lambda: Seed("image", "", _golden_series("big_endian_signed.dcm"), ("dicom",)),
    "dicom_deflated": lambda: Seed("image", "", _series(DeflatedExplicitVRLittleEndian), ("dicom", "deflated_dicom")),
    "dicom_rle": lambda: Seed("image", "", _series(RLELossless), ("dicom",)),
    "dicom_jpeg_2000": lambda: Seed("image", "", _golden_series("jpeg_2000_signed.dcm"), ("dicom",)),
    "dicom_jpeg_lossless": lambda: Seed("image", "", _golden_series("jpeg_lossless_70_signed.dcm"), ("dicom",)),
    "dicom_jpeg_ls": lambda: Seed("image", "", _golden_series("jpeg_ls_signed.dcm"), ("dicom",)),
    "dicom_jpeg_extended": lambda: Seed("image", "", _golden_series("jpeg_extended_12bit_plain.dcm"), ("dicom",)),
    "dicom_zip": lambda: Seed("image", "a.zip", _zip(), ("zip",)),
    "dicom_enhanced": lambda: Seed("image", "a.dcm", _enhanced(), ("dicom", "packed")),
    "dicom_seg_binary": lambda: Seed("labels", "a.dcm", _mask("axial_binary.dcm"), ("dicom", "packed")),
    "dicom_seg_fractional": lambda: Seed("labels", "a.dcm", _mask("oblique_fractional.dcm"), ("dicom",)),
    "dicom_seg_labelmap": lambda: Seed("labels", "a.dcm", _mask("axial_labelmap.dcm"), ("dicom",)),
    "dicom_rtstruct": lambda: Seed("labels", "a.dcm", _mask("axial_holes.dcm"), ("dicom",)),
    "dicom_rtstruct_oblique": lambda: Seed("labels", "a.dcm", _mask("oblique_keyhole.dcm"), ("dicom",)),
}
