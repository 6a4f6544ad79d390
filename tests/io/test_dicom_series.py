import dataclasses
import shutil
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import JPEG2000Lossless, RLELossless

from hepareg.errors import FileFormatError, ImageError, SettingsError
from hepareg.io.dicom_series import list_series, read_dicom_series
from hepareg.io.images import read_image

sys.path.insert(0, str(Path(__file__).parent))
from dicom_writer import ct_slice, save, write_series

VOXELS = np.random.default_rng(1).integers(0, 3000, (9, 7, 6)).astype(np.int16)
OBLIQUE = (0.8, 0.6, 0.0, -0.48, 0.64, 0.6)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
LEANING = (1.0, 0.0, 0.0, 0.0, np.cos(np.radians(3)), -np.sin(np.radians(3)))


@pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, 1, 0), OBLIQUE, SAGITTAL])
@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
def test_reads_what_simpleitk_reads(tmp_path, orientation, dtype):
    write_series(tmp_path, VOXELS.astype(dtype), orientation=orientation)
    volume = read_image(tmp_path)
    assert volume.data.dtype == np.int16
    np.testing.assert_array_equal(volume.data, VOXELS - 1024)
    image = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path)))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).T, volume.data)
    for index in [(0, 0, 0), (8, 0, 0), (0, 6, 0), (8, 6, 5)]:
        theirs = np.array(image.TransformIndexToPhysicalPoint(index)) * [-1, -1, 1]
        np.testing.assert_allclose(volume.grid.world_points(index), theirs, atol=1e-5)


def test_scaling_by_a_fraction_and_beyond_int16(tmp_path):
    write_series(tmp_path / "a", VOXELS, RescaleSlope="0.5", RescaleIntercept="-10.25")
    a = read_dicom_series(tmp_path / "a")
    assert a.data.dtype == np.float32
    np.testing.assert_allclose(a.data, VOXELS * 0.5 - 10.25)
    write_series(tmp_path / "b", VOXELS, RescaleSlope="100")
    b = read_dicom_series(tmp_path / "b")
    np.testing.assert_array_equal(b.data, VOXELS.astype(int) * 100 - 1024)


def test_nothing_identifies_the_patient(tmp_path):
    write_series(tmp_path, VOXELS)
    provenance = read_dicom_series(tmp_path).provenance
    text = str(dataclasses.asdict(provenance)) + "".join(s.describe() for s in list_series(tmp_path))
    assert provenance.patient_digest
    for secret in ("SECRET", "Doe", "2000", "1.2.826"):
        assert secret not in text


def test_patients_are_told_apart_within_the_process(tmp_path):
    for name, patient in (("a", "SECRET-7"), ("b", "SECRET-7 "), ("c", "OTHER"), ("d", "")):
        write_series(tmp_path / name, VOXELS, PatientID=patient)
    a, b, c, d = (read_dicom_series(tmp_path / name).provenance.patient_digest for name in "abcd")
    assert a == b != c
    assert d is None


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless], ids=["rle", "jpeg2000"])
def test_compressed(tmp_path, syntax):
    for k in range(6):
        dataset = ct_slice(k, np.ascontiguousarray(VOXELS[:, :, k].T), SeriesInstanceUID="1.2.3.4")
        path = tmp_path / f"{k}.dcm"
        save(dataset, path)
        again = pydicom.dcmread(path)
        if syntax == RLELossless:
            again.compress(RLELossless)
        else:
            by_itk = compressed_by_itk(path, tmp_path / "itk" / "a.dcm")
            again.file_meta.TransferSyntaxUID = by_itk.file_meta.TransferSyntaxUID
            for name in ("PixelData", "RescaleIntercept", "PixelRepresentation", "BitsStored", "HighBit"):
                again[name] = by_itk[name]
        assert again.file_meta.TransferSyntaxUID == syntax
        again.save_as(path)
    shutil.rmtree(tmp_path / "itk", ignore_errors=True)
    np.testing.assert_array_equal(read_dicom_series(tmp_path).data, VOXELS - 1024)


def compressed_by_itk(source, path):
    path.parent.mkdir(exist_ok=True)
    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(path))
    writer.UseCompressionOn()
    writer.SetCompressor("JPEG2000")
    writer.Execute(sitk.Cast(sitk.ReadImage(str(source)), sitk.sitkInt16))
    return pydicom.dcmread(path)


def test_compressed_without_a_decoder(tmp_path):
    write_series(tmp_path, VOXELS)
    for path in tmp_path.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.PixelData = pydicom.encaps.encapsulate([b"\x00\x01nonsense"])
        dataset["PixelData"].VR = "OB"
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.MPEG4HP41
        dataset.save_as(path)
    with pytest.raises(FileFormatError, match=r"MPEG-4.*neither pydicom nor GDCM"):
        read_dicom_series(tmp_path)


def test_truncated_pixels(tmp_path):
    write_series(tmp_path, VOXELS)
    path = sorted(tmp_path.iterdir())[2]
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(FileFormatError, match="truncated or damaged") as caught:
        read_dicom_series(tmp_path)
    assert "\n" not in str(caught.value)
    assert path.name not in str(caught.value)  # names of files may be names of patients, and messages go to tables
    assert caught.value.listing == path.name


BROKEN = {
    "missing slices": ({"keep": lambda k: k not in (2, 3)}, r"got 2 missing at z = 35\.0, 37\.5 mm"),
    "one missing": ({"keep": lambda k: k != 4}, r"got 1 missing at z = 40\.0 mm"),
    "every other missing": ({"keep": lambda k: k not in (1, 4)}, r"got 2 missing at z = 32\.5, 40\.0 mm"),
    "uneven spacing": ({"change": lambda k: {"origin": (-10.0, -20.0, 30.0 + 0.3 * k * k)}}, "even distances"),
    "gantry tilt": ({"change": lambda k: {"origin": (-10.0, -20.0 + 0.5 * k, 30.0)}}, "gantry tilted"),
    "a slice of another view": ({"change": lambda k: {"orientation": SAGITTAL} if k == 3 else {}}, "got 1 missing"),
    "mixed orientation": ({"change": lambda k: {"orientation": LEANING} if k == 3 else {}}, "one orientation"),
    "no slope": ({"change": lambda k: {"RescaleSlope": None} if k == 3 else {}}, "Rescale Slope"),
    "no intercept": ({"RescaleIntercept": None}, "Rescale Slope and Intercept"),
    "no position": ({"ImagePositionPatient": None}, "expected position"),
    "mr": ({"Modality": "MR"}, "expected a CT series"),
    "single slice": ({"keep": lambda k: k == 0}, "single slice"),
    "mixed spacing": ({"change": lambda k: {"PixelSpacing": [0.9, 0.7]} if k == 3 else {}}, "one pixel spacing"),
    "patients": ({"change": lambda k: {"PatientID": "B"} if k == 3 else {}}, "one patient"),
    "localiser": ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "expected a CT series"),
    "frames": ({"NumberOfFrames": 3}, "multi-frame"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_series_give_one_line(tmp_path, name):
    arguments, message = BROKEN[name]
    write_series(tmp_path, VOXELS, **arguments)
    with pytest.raises(ImageError, match=message) as caught:
        read_dicom_series(tmp_path)
    assert "\n" not in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_colour_and_mixed_sizes(tmp_path):
    write_series(tmp_path / "colour", VOXELS, SamplesPerPixel=3, PhotometricInterpretation="RGB")
    with pytest.raises(ImageError, match="colour"):
        read_dicom_series(tmp_path / "colour")
    uid = write_series(tmp_path / "sizes", VOXELS, keep=lambda k: k < 3)
    write_series(tmp_path / "sizes", VOXELS[:5], uid=uid, keep=lambda k: k >= 3)
    with pytest.raises(ImageError, match="one size"):
        read_dicom_series(tmp_path / "sizes")


def test_a_slice_that_is_there_twice(tmp_path):
    """A copy under another name is left out and noted; other pixels at one place are refused."""
    write_series(tmp_path, VOXELS)
    path = sorted(tmp_path.iterdir())[0]
    assert read_dicom_series(tmp_path).provenance.notes == ()
    shutil.copy(path, tmp_path / "copy.dcm")
    again = pydicom.dcmread(path)
    again.SOPInstanceUID = again.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    again.save_as(tmp_path / "exported_again.dcm")
    volume = read_dicom_series(tmp_path)
    np.testing.assert_array_equal(volume.data, VOXELS - 1024)
    assert volume.provenance.notes == ("copies of slices with the same pixels were left out: 2",)
    again.RescaleIntercept = -1023
    again.save_as(tmp_path / "exported_again.dcm")
    with pytest.raises(ImageError, match=r"got 2 doubled with other pixels .z = 30\.0 to 30\.0 mm"):
        read_dicom_series(tmp_path)


def test_a_whole_series_that_is_there_twice(tmp_path):
    uid = write_series(tmp_path, VOXELS)
    write_series(tmp_path / "copy", VOXELS, uid=uid)
    np.testing.assert_array_equal(read_dicom_series(tmp_path).data, VOXELS - 1024)
    write_series(tmp_path / "copy", VOXELS + 1, uid=uid)
    with pytest.raises(ImageError, match=r"6 doubled with other pixels .z = 30\.0 to 42\.5 mm; two reconstructions"):
        read_dicom_series(tmp_path)


def test_a_tilted_gantry_as_scanners_write_it(tmp_path):
    """The table moves along z while the slices lean by ten degrees."""
    leaning = (1.0, 0.0, 0.0, 0.0, np.cos(np.radians(10)), -np.sin(np.radians(10)))
    write_series(
        tmp_path,
        VOXELS,
        orientation=leaning,
        change=lambda k: {"ImagePositionPatient": [-10, -20, 30 + 2.5 * k]},
    )
    with pytest.raises(ImageError, match=r"tilted by 10\.0 degrees"):
        read_dicom_series(tmp_path)


def test_rounded_positions_are_no_error(tmp_path):
    """Scanners round positions: 0.625 mm apart, written with one digit."""
    write_series(tmp_path, VOXELS, change=lambda k: {"ImagePositionPatient": [-10, -20, round(30 + 0.625 * k, 1)]})
    assert read_dicom_series(tmp_path).grid.spacing_mm[2] == pytest.approx(0.62, abs=0.02)


def test_several_series_are_listed_and_picked(tmp_path):
    late = write_series(tmp_path, VOXELS[..., :4], prefix="a", AcquisitionTime="101510")
    write_series(tmp_path / "deep", VOXELS, prefix="b", AcquisitionTime="101435.5")
    write_series(
        tmp_path, VOXELS[..., :1], prefix="c", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], AcquisitionTime="1010"
    )
    write_series(tmp_path, VOXELS, prefix="d", Modality="PT")
    (tmp_path / "notes.txt").write_text("no DICOM")
    listed = list_series(tmp_path)
    assert [(s.modality, s.num_slices, s.is_localiser) for s in listed] == [
        ("CT", 1, True), ("CT", 6, False), ("CT", 4, False), ("PT", 6, False),
    ]  # fmt: skip
    assert [s.delay_s for s in listed] == [0, 275.5, 310, None]
    with pytest.raises(ImageError, match=r"got 2 in the folder; pick one by its number") as caught:
        read_dicom_series(tmp_path)
    assert "localiser" in caught.value.listing
    assert caught.value.options == ("series", "moving_series", "fixed_series")
    assert read_dicom_series(tmp_path, series="2").shape == (9, 7, 6)
    assert read_dicom_series(tmp_path, series="3").shape == (9, 7, 4)
    assert read_dicom_series(tmp_path, series=f"uid={late[-8:]}").shape == (9, 7, 4)
    for wrong in ("0", "5", "x", "12", "99999999"):
        with pytest.raises(SettingsError, match="expected one series of the folder, got none"):
            read_dicom_series(tmp_path, series=wrong)
    with pytest.raises(ImageError, match="modality PT"):
        read_dicom_series(tmp_path, series="4")
    with pytest.raises(ImageError, match="scout"):
        read_dicom_series(tmp_path, series="1")


def test_a_localiser_beside_one_series_is_passed_over(tmp_path):
    uid = write_series(tmp_path, VOXELS)
    write_series(
        tmp_path, VOXELS[..., :2], uid=uid, prefix="scout", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
        orientation=SAGITTAL,
    )  # fmt: skip
    assert read_dicom_series(tmp_path).shape == (9, 7, 6)


PHASES = {
    "acquisition number": lambda phase, k: {"AcquisitionNumber": phase},
    "temporal position": lambda phase, k: {"TemporalPositionIdentifier": phase, "AcquisitionNumber": 1},
    "trigger time": lambda phase, k: {"TriggerTime": 100.0 * phase, "AcquisitionNumber": 1},
    "acquisition time": lambda phase, k: {"AcquisitionTime": f"10{14 + phase}{10 + k}"},
    "content time": lambda phase, k: {"ContentTime": f"10{14 + phase}00", "AcquisitionTime": "101000"},
}


@pytest.mark.parametrize("name", PHASES)
def test_phases_in_one_series(tmp_path, name):
    uid = "1.2.3.45678"
    # The second phase begins lower and is longer: occurrences of a position alone do not tell phases apart.
    write_series(tmp_path, VOXELS[..., :4], uid=uid, prefix="b", change=lambda k: PHASES[name](1, k))
    write_series(
        tmp_path, VOXELS + 7, uid=uid, prefix="a", origin=(-10.0, -20.0, 25.0), change=lambda k: PHASES[name](2, k)
    )
    assert [(s.phase, s.num_phases, s.num_slices) for s in list_series(tmp_path)] == [(1, 2, 4), (2, 2, 6)]
    with pytest.raises(ImageError) as caught:
        read_dicom_series(tmp_path)
    assert "phase 2 of 2 of its series" in caught.value.listing
    np.testing.assert_array_equal(read_dicom_series(tmp_path, series="1").data, VOXELS[..., :4] - 1024)
    np.testing.assert_array_equal(read_dicom_series(tmp_path, series="2").data, VOXELS + 7 - 1024)
    with pytest.raises(SettingsError, match="got 2 that fit for 'uid=45678'"):
        read_dicom_series(tmp_path, series="uid=45678")


def test_acquisition_numbers_alone_do_not_split_a_volume(tmp_path):
    write_series(tmp_path, VOXELS, change=lambda k: {"AcquisitionNumber": k // 3, "AcquisitionTime": f"1015{10 + k}"})
    assert read_dicom_series(tmp_path).shape == (9, 7, 6)


def test_folders_without_dicom(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(FileFormatError, match="got none"):
        read_dicom_series(tmp_path)
    with pytest.raises(FileFormatError, match="does not exist"):
        read_dicom_series(tmp_path / "absent")
    with pytest.raises(SettingsError, match="got a file"):
        read_image(tmp_path / "a.nii.gz", series="1")


def test_real_series(shared_data):
    volume = read_dicom_series(shared_data / "lidc_idri_0001" / "dicom")
    assert volume.shape == (512, 512, 133)
    assert volume.data.dtype == np.int16
    assert (volume.data.min(), volume.data.max()) == (-2048, 3071)
    mask = read_image(shared_data / "lidc_idri_0001" / "liver_approximate.nii.gz")
    liver = mask.grid.world_points(np.argwhere(mask.data)[::1000])
    i, j, k = volume.grid.voxel_points(liver).round().astype(int).T
    assert 40 < np.median(volume.data[i, j, k]) < 80
