"""One series in every wrapping that people have it in."""

import gzip
import logging
import shutil
import sys
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from hepareg.errors import FileFormatError
from hepareg.io.dicom_files import DicomFile, _Bounded, files_below, looks_like_dicom, read_dataset
from hepareg.io.images import read_image

sys.path.insert(0, str(Path(__file__).parent))
from dicom_writer import write_enhanced, write_series

VOXELS = np.random.default_rng(1).integers(0, 3000, (9, 7, 6)).astype(np.int16)
HU = VOXELS - 1024


@pytest.fixture
def folder(tmp_path):
    write_series(tmp_path / "series", VOXELS)
    return tmp_path / "series"


def in_syntax(folder, syntax):
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        if syntax == ExplicitVRBigEndian:
            dataset.PixelData = dataset.pixel_array.astype(">i2").tobytes()
            dataset["PixelData"].VR = "OW"
        dataset.file_meta.TransferSyntaxUID = syntax
        pydicom.dcmwrite(path, dataset, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_transfer_syntaxes(folder, syntax):
    in_syntax(folder, syntax)
    np.testing.assert_array_equal(read_image(folder).data, HU)


@pytest.mark.parametrize("syntax", [None, ImplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("without", ["preamble", "preamble and file meta"])
def test_without_a_preamble(folder, syntax, without):
    if syntax is not None:
        in_syntax(folder, syntax)
    for path in folder.iterdir():
        raw = path.read_bytes()[132:]
        if without != "preamble":
            raw = raw[12 + int.from_bytes(raw[8:12], "little") :]
        path.write_bytes(raw)
    np.testing.assert_array_equal(read_image(folder).data, HU)


@pytest.mark.parametrize(
    "kind", ["gz", "gz without its name", "zip", "zip in the folder", "zip of gz", "zip of no preamble"]
)
def test_packed(folder, kind, tmp_path):
    for path in list(folder.iterdir()):
        raw = path.read_bytes()
        path.write_bytes(raw[132:] if "preamble" in kind else gzip.compress(raw) if "gz" in kind else raw)
        if kind == "gz":
            path.rename(path.with_name(f"{path.name}.gz"))
    place = folder
    if "zip" in kind:
        shutil.make_archive(str(tmp_path / "study"), "zip", folder)
        place = tmp_path / "study.zip"
        if kind == "zip in the folder":
            shutil.rmtree(folder)
            folder.mkdir()
            place = place.rename(folder / "study.zip").parent
    np.testing.assert_array_equal(read_image(place).data, HU)


def test_an_enhanced_ct_packed_and_the_index_of_a_disc(tmp_path):
    write_enhanced(tmp_path / "a.dcm", [VOXELS])
    (tmp_path / "b.dcm.gz").write_bytes(gzip.compress((tmp_path / "a.dcm").read_bytes()))
    np.testing.assert_array_equal(read_image(tmp_path / "b.dcm.gz").data, HU)
    write_series(tmp_path / "disc" / "IMAGES", VOXELS)
    (tmp_path / "disc" / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    np.testing.assert_array_equal(read_image(tmp_path / "disc" / "DICOMDIR").data, HU)
    np.testing.assert_array_equal(read_image(tmp_path / "disc").data, HU)


def test_other_files_in_the_folder(folder):
    write_series(folder / "pet", VOXELS, Modality="PT", SeriesNumber=9)
    write_series(folder / "scout", VOXELS[..., :1], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    (folder / "notes.txt").write_text("hello")
    (folder / "empty").touch()
    (folder / "table.csv.gz").write_bytes(gzip.compress(b"a,b\n"))
    with zipfile.ZipFile(folder / "papers.zip", "w") as archive:
        archive.writestr("paper.txt", "hello")
    np.testing.assert_array_equal(read_image(folder).data, HU)


def test_damaged_and_encrypted(folder, tmp_path):
    shutil.make_archive(str(tmp_path / "study"), "zip", folder)
    raw = bytearray((tmp_path / "study.zip").read_bytes())
    raw[40:400] = bytes(360)
    (tmp_path / "damaged.zip").write_bytes(raw)
    (tmp_path / "cut.zip").write_bytes(raw[:3000])
    (tmp_path / "no.zip").write_bytes(b"PK\x03\x04" + bytes(400))
    for name in ("damaged.zip", "cut.zip", "no.zip"):
        with pytest.raises(FileFormatError) as caught:
            read_image(tmp_path / name)
        assert "\n" not in str(caught.value)
    first = sorted(folder.iterdir())[0]
    first.write_bytes(gzip.compress(first.read_bytes())[:-200])
    with pytest.raises(FileFormatError, match="damaged or encrypted data"):
        read_image(folder)


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("hepareg.io.dicom_files.MAX_BYTES", 10_000)
    write_series(tmp_path / "s", np.zeros((100, 100, 2), np.int16))
    path = sorted((tmp_path / "s").iterdir())[0]
    path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(FileFormatError, match="unpacks to less than"):
        read_image(tmp_path / "s")


def test_what_looks_like_dicom():
    assert looks_like_dicom(bytes(128) + b"DICM")
    assert not looks_like_dicom(b"hello, world, this is text")
    assert not looks_like_dicom(b"\x08\x00")
    assert not looks_like_dicom(b"\x5c\x01\x00\x00" + bytes(128))
    assert read_dataset(DicomFile(Path(__file__))) is None


def test_pydicom_says_nothing(folder, caplog, recwarn):
    """Warnings and logs of pydicom repeat values of the file, such as the patient's name."""
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.SpecificCharacterSet, dataset.PatientName = "ISO_IR 100", "Müller^Jürgen"
        dataset.save_as(path)
        path.write_bytes(path.read_bytes().replace(b"ISO_IR 100", b"ISO_IR 192"))
    before = warnings.filters[:]
    with caplog.at_level(logging.DEBUG):
        read_image(folder)
    assert not recwarn.list
    assert "rgen" not in caplog.text
    assert warnings.filters == before
    assert not logging.getLogger("pydicom").disabled


def test_a_missing_folder(tmp_path):
    with pytest.raises(FileFormatError, match="does not exist"):
        files_below(tmp_path / "absent")


def test_no_more_is_read_than_a_file_has(folder):
    """Lengths of a damaged file are up to 4 GB; to read so many bytes would take that memory first."""
    path = sorted(folder.iterdir())[0]
    whole = path.read_bytes()
    place = whole.index(b"\xe0\x7f\x10\x00OW") + 8
    path.write_bytes(whole[:place] + b"\xfe\xff\xff\xff" + whole[place + 4 :])
    asked = []
    with path.open("rb") as stream:
        bounded = _Bounded(stream)
        assert bounded.read(1 << 40) == path.read_bytes()
        bounded.seek(len(whole) - 5)
        assert (bounded.read(2), bounded.read(), bounded.tell()) == (whole[-5:-3], whole[-3:], len(whole))

        class Watched:
            def read(self, size=-1):
                asked.append(size)
                return b""

        bounded._stream = Watched()
        bounded.read((1 << 32) - 2)
    assert asked == [len(whole)]
    np.testing.assert_array_equal(read_image(folder).data, HU)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_zeros_after_the_data_set_are_no_elements(folder, pack):
    path = sorted(folder.iterdir())[0]
    before = len(read_dataset(DicomFile(path)))
    path.write_bytes(pack(path.read_bytes() + bytes(1 << 20)))
    dataset = read_dataset(DicomFile(path))
    assert len(dataset) == before
    np.testing.assert_array_equal(read_image(folder).data, HU)


@pytest.mark.parametrize("zeros", [1 << 20, 1 << 23])
def test_a_deflated_bomb_is_not_unpacked(folder, zeros, monkeypatch):
    monkeypatch.setattr("hepareg.io.dicom_files.MAX_UNCHECKED_BYTES", 1 << 22)
    in_syntax(folder, DeflatedExplicitVRLittleEndian)
    path = sorted(folder.iterdir())[0]
    raw = path.read_bytes()
    place = 144 + int.from_bytes(raw[140:144], "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    content = zlib.decompressobj(-15).decompress(raw[place:])
    path.write_bytes(raw[:place] + packer.compress(content + bytes(zeros)) + packer.flush())
    if zeros == 1 << 20:
        np.testing.assert_array_equal(read_image(folder).data, HU)
        return
    with pytest.raises(FileFormatError, match="unpacks to less than 4 MiB"):
        read_image(folder)


@pytest.mark.parametrize("syntax", [b"1.2.840.10\0\0008.1.2", b"liver", b"1.2.840\\1.2.840"])
def test_a_transfer_syntax_that_is_none(folder, syntax):
    path = sorted(folder.iterdir())[0]
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", syntax.ljust(20, b"\0"), 1))
    with pytest.raises(FileFormatError, match="got a damaged one") as caught:
        read_image(folder)
    assert str(caught.value).isprintable()
