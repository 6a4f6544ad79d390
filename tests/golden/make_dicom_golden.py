"""Make the compressed DICOM slices of `tests/golden/dicom` with GDCM (python-gdcm).

Run once by hand (`python tests/golden/make_dicom_golden.py`); the files are committed, so that every decoder is held
to values that another tool stored. The names say transfer syntax and kind: plain, inverse (MONOCHROME1) or signed.
All hold the same HU, those of `stored.npy` less 1024.
"""

from pathlib import Path

import gdcm
import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

HERE = Path(__file__).parent / "dicom"
SYNTAXES = {
    "jpeg_lossless_57": gdcm.TransferSyntax.JPEGLosslessProcess14,
    "jpeg_lossless_70": gdcm.TransferSyntax.JPEGLosslessProcess14_1,
    "jpeg_extended_12bit": gdcm.TransferSyntax.JPEGExtendedProcess2_4,
    "jpeg_ls": gdcm.TransferSyntax.JPEGLSLossless,
    "jpeg_2000": gdcm.TransferSyntax.JPEG2000Lossless,
    "rle": gdcm.TransferSyntax.RLELossless,
    "big_endian": gdcm.TransferSyntax.ExplicitVRBigEndian,
}


def pixels():
    """Return (24, 32) stored values of 12 bits: a smooth slope, so that lossy coding stays close, and an edge."""
    i, j = np.mgrid[:24, :32]
    return (600 + 20 * i + 15 * j + 900 * (j > 15)).astype(np.uint16)


def slice_of(kind):
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = "1.2.826.0.1.3680043.8.498.1"
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = "1.2.826.0.1.3680043.8.498.2", "1.2.826.0.1.3680043.8.498.3"
    dataset.Modality, dataset.ImageType, dataset.PatientID = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"], "NOBODY"
    dataset.ImageOrientationPatient, dataset.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 0]
    dataset.PixelSpacing, dataset.SliceThickness = [0.8, 0.7], 2
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = (
        1,
        "MONOCHROME1" if kind == "inverse" else "MONOCHROME2",
    )
    dataset.Rows, dataset.Columns = pixels().shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    dataset.PixelData = pixels().tobytes()
    if kind == "signed":
        dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation, dataset.RescaleIntercept = 16, 15, 1, 0
        dataset.PixelData = (pixels().astype(np.int16) - 1024).tobytes()
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, CTImageStorage
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return FileDataset("", dataset, preamble=b"\0" * 128, file_meta=meta)


def changed_by_gdcm(source, path, syntax):
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change(), path.name
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write(), path.name


def main():
    HERE.mkdir(exist_ok=True)
    np.save(HERE / "stored.npy", pixels())
    for kind in ("plain", "inverse", "signed"):
        plain = HERE / "plain.tmp"
        slice_of(kind).save_as(plain, enforce_file_format=True)
        for name, syntax in SYNTAXES.items():
            if (kind, name) != ("signed", "jpeg_extended_12bit"):  # which has no 16 bits
                changed_by_gdcm(plain, HERE / f"{name}_{kind}.dcm", syntax)
        plain.unlink()


if __name__ == "__main__":
    main()
