import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest

from hepareg.errors import FileFormatError
from hepareg.io.dicom_headers import read_headers

sys.path.insert(0, str(Path(__file__).parent))
from dicom_writer import ct_slice, save

PIXELS = np.zeros((7, 9), np.int16)


def header_of(tmp_path, **attributes):
    save(ct_slice(0, PIXELS, **{"SeriesInstanceUID": "1.2.3", **attributes}), tmp_path / "a.dcm")
    return read_headers(tmp_path)[0]


def test_what_is_read(tmp_path):
    header = header_of(
        tmp_path, AcquisitionTime="101530.25", TriggerTime="120", NumberOfFrames="", AcquisitionNumber=""
    )
    assert header.size == (9, 7)
    assert header.position == (-10, -20, 30)
    assert header.height_mm == 30
    assert header.pixel_spacing == (0.8, 0.7)
    assert (header.slope, header.intercept) == (1, -1024)
    assert header.acquisition_time == 10 * 3600 + 15 * 60 + 30.25
    assert header.trigger_time == 120
    assert header.acquisition_number is header.content_time is None
    assert header.num_frames == 1


def test_times_go_on_after_midnight(tmp_path):
    late = header_of(tmp_path, AcquisitionDate="20240229", AcquisitionTime="235959")
    early = header_of(tmp_path, AcquisitionDate="20240301", AcquisitionTime="000001")
    assert early.acquisition_time - late.acquisition_time == 2


def test_the_patient_id_is_hashed_with_a_salt(tmp_path):
    header = header_of(tmp_path)
    assert "SECRET" not in repr(header)
    assert len(header.patient_digest) == 32
    assert header_of(tmp_path, PatientID="").patient_digest is None


def test_attributes_that_cannot_be_read(tmp_path, recwarn):
    save(ct_slice(0, PIXELS, SeriesInstanceUID="1.2.3"), tmp_path / "a.dcm")
    raw = (tmp_path / "a.dcm").read_bytes()
    (tmp_path / "a.dcm").write_bytes(raw.replace(b"-1024", b"Jane5"))
    with pytest.raises(FileFormatError, match="attribute that cannot be read") as caught:
        read_headers(tmp_path)
    assert caught.value.listing == "a.dcm"
    assert not [w for w in recwarn if "Jane" in str(w.message)]


def test_other_dicom_objects_are_passed_over(tmp_path):
    save(ct_slice(0, PIXELS, SeriesInstanceUID="1.2.3"), tmp_path / "a.dcm")
    report = ct_slice(0, PIXELS, SeriesInstanceUID="1.2.4", Rows=None, PixelData=None)
    save(report, tmp_path / "report.dcm")
    (tmp_path / "DICOMDIR").write_bytes((tmp_path / "a.dcm").read_bytes())
    seen = []
    assert len(read_headers(tmp_path, progress=lambda *counts: seen.append(counts))) == 1
    assert seen == [(1, 2), (2, 2)]
    assert pydicom.dcmread(tmp_path / "report.dcm").Modality == "CT"


@pytest.mark.parametrize("value", ["nan", "inf", "1e11"])
@pytest.mark.parametrize(
    ("keyword", "old"), [("ImagePositionPatient", b"-10.00000000"), ("RescaleIntercept", b"-1024")]
)
def test_numbers_that_no_ct_has_are_refused(tmp_path, keyword, old, value):
    save(ct_slice(0, PIXELS, SeriesInstanceUID="1.2.3"), tmp_path / "a.dcm")
    raw = (tmp_path / "a.dcm").read_bytes()
    assert raw.count(old) == 1
    (tmp_path / "a.dcm").write_bytes(raw.replace(old, value.encode().ljust(len(old))))
    with pytest.raises(FileFormatError, match="attribute that cannot be read"):
        read_headers(tmp_path)


@pytest.mark.parametrize("value", [b"inf ", b"1e99", b"x"])
def test_a_number_that_only_sorts_images_may_be_damaged(tmp_path, value):
    save(ct_slice(0, PIXELS, SeriesInstanceUID="1.2.3", AcquisitionNumber=4711), tmp_path / "a.dcm")
    raw = (tmp_path / "a.dcm").read_bytes()
    assert raw.count(b"4711") == 1
    (tmp_path / "a.dcm").write_bytes(raw.replace(b"4711", value.ljust(4)))
    assert read_headers(tmp_path)[0].acquisition_number is None


def test_a_modality_of_an_unknown_type_is_one_line(tmp_path):
    save(ct_slice(0, PIXELS, SeriesInstanceUID="1.2.3"), tmp_path / "a.dcm")
    raw = (tmp_path / "a.dcm").read_bytes()
    (tmp_path / "a.dcm").write_bytes(raw.replace(b"\x08\x00\x60\x00CS", b"\x08\x00\x60\x00C\xf8"))
    with pytest.raises(FileFormatError, match="attribute that cannot be read"):
        read_headers(tmp_path)
