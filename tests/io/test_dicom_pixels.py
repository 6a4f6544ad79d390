"""Values of compressed slices that GDCM wrote, decoded as they are stored."""

from pathlib import Path

import numpy as np
import pytest

from hepareg.errors import FileFormatError
from hepareg.io import dicom_pixels
from hepareg.io.dicom_files import DicomFile, read_dataset
from hepareg.io.dicom_headers import read_headers
from hepareg.io.dicom_pixels import decoded_frames, read_pixels

GOLDEN = Path(__file__).parents[1] / "golden" / "dicom"
FILES = sorted(path.name for path in GOLDEN.glob("*.dcm"))


def test_every_kind_is_there():
    assert len(FILES) == 20


@pytest.mark.parametrize("name", FILES)
def test_the_values_are_those_stored(name, capfd):
    """MONOCHROME1 says how to show a picture; its numbers are HU like any other's."""
    np.testing.assert_array_equal(read_pixels(read_headers(GOLDEN / name))[0], np.load(GOLDEN / "stored.npy") - 1024.0)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith(("jpeg", "rle"))])
def test_gdcm_stands_in_for_a_missing_plug_in(name, monkeypatch):
    def fails(*arguments):
        raise RuntimeError("no plug-in")

    monkeypatch.setattr(dicom_pixels, "_by_pydicom", fails)
    np.testing.assert_array_equal(read_pixels(read_headers(GOLDEN / name))[0], np.load(GOLDEN / "stored.npy") - 1024.0)


def test_the_missing_extra_is_named():
    dataset = read_dataset(DicomFile(GOLDEN / "jpeg_2000_plain.dcm"))
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.201"
    with pytest.raises(FileFormatError, match=r"High-Throughput JPEG 2000.*hepareg\[dicom\]"):
        list(decoded_frames(dataset, [0], name="a.dcm"))


@pytest.mark.parametrize("name", ["jpeg_ls", "jpeg_2000", "jpeg_lossless_70", "rle"])
def test_damaged_data_is_one_line(name, capfd):
    dataset = read_dataset(DicomFile(GOLDEN / f"{name}_plain.dcm"))
    dataset.PixelData = dataset.PixelData[:40] + bytes(len(dataset.PixelData) - 40)
    with pytest.raises(FileFormatError, match="or damaged data") as caught:
        list(decoded_frames(dataset, [0], name="a.dcm"))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""
