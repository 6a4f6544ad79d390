"""Values of compressed slices that GDCM wrote, decoded as they are stored."""

from dataclasses import replace
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


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("jpeg")])
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
    with pytest.raises(FileFormatError, match=r"or damaged (data|file)") as caught:
        list(decoded_frames(dataset, [0], name="a.dcm"))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["rle_plain", "rle_signed"])
def test_damaged_run_lengths_do_not_reach_gdcm(name, monkeypatch):
    """GDCM divides by the number of segments that they state: the process would end."""
    monkeypatch.setattr(dicom_pixels, "_by_gdcm", lambda *arguments: pytest.fail("GDCM was asked"))
    dataset = read_dataset(DicomFile(GOLDEN / f"{name}.dcm"))
    pixels = bytearray(dataset.PixelData)
    place = pixels.index(dicom_pixels.ITEM, 4) + 8
    pixels[place : place + 4] = bytes(4)
    dataset.PixelData = bytes(pixels)
    with pytest.raises(FileFormatError, match="truncated or damaged file"):
        list(decoded_frames(dataset, [0], name="a.dcm"))


def test_a_false_length_of_compressed_pixels_takes_no_memory(monkeypatch):
    dataset = read_dataset(DicomFile(GOLDEN / "jpeg_lossless_70_plain.dcm"))
    monkeypatch.setattr(type(dataset), "save_as", lambda *arguments, **named: pytest.fail("GDCM was asked"))
    pixels = dataset.PixelData
    for place in (4, pixels.index(dicom_pixels.ITEM, 4) + 4):
        dataset.PixelData = pixels[:place] + (1 << 31).to_bytes(4, "little") + pixels[place + 4 :]
        with pytest.raises(FileFormatError, match="or damaged data"):
            list(decoded_frames(dataset, [0], name="a.dcm"))


def test_compressed_pixels_that_are_stated_as_plain_are_no_noise():
    dataset = read_dataset(DicomFile(GOLDEN / "rle_plain.dcm"))
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    with pytest.raises(FileFormatError, match="truncated or damaged file"):
        list(decoded_frames(dataset, [0], name="a.dcm"))


def test_memory_is_taken_when_a_slice_was_decoded(monkeypatch):
    """Rows and columns of a damaged header are up to 65535 each."""
    header = read_headers(GOLDEN / "rle_plain.dcm")[0]
    for size in ((30_000, 30_000), (65_535, 65_535)):
        monkeypatch.setattr(np, "empty", lambda shape, *_: np.zeros(0) if shape == 0 else pytest.fail(f"took {shape}"))
        with pytest.raises(FileFormatError, match=r"fits into memory|truncated"):
            read_pixels([replace(header, size=size)])


def test_a_rescale_beyond_whole_numbers_of_32_bits():
    header = read_headers(GOLDEN / "rle_plain.dcm")[0]
    stored = np.load(GOLDEN / "stored.npy")
    for slope, intercept in ((3e6, 0.0), (1.0, 5e9)):
        data = read_pixels([replace(header, slope=slope, intercept=intercept)])[0]
        np.testing.assert_allclose(data, stored * slope + intercept, rtol=1e-6)  # float32 has 7 digits
