"""Enhanced CT: all slices, and perhaps all phases, in one file."""

import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import RLELossless

from hepareg.errors import FileFormatError, ImageError, SettingsError
from hepareg.io.dicom_series import list_series, read_dicom_series
from hepareg.io.images import read_image

sys.path.insert(0, str(Path(__file__).parent))
from dicom_writer import save, write_enhanced, write_series

VOXELS = np.random.default_rng(1).integers(0, 3000, (9, 7, 6)).astype(np.int16)


def test_reads_what_simpleitk_reads(tmp_path):
    write_enhanced(tmp_path / "a.dcm", [VOXELS])
    volume = read_image(tmp_path / "a.dcm")
    assert volume.data.dtype == np.int16
    np.testing.assert_array_equal(volume.data, VOXELS - 1024)
    np.testing.assert_array_equal(read_image(tmp_path).data, volume.data)
    image = sitk.ReadImage(str(tmp_path / "a.dcm"))
    for index in [(0, 0, 0), (8, 0, 0), (0, 6, 0), (8, 6, 5)]:
        theirs = np.array(image.TransformIndexToPhysicalPoint(index)) * [-1, -1, 1]
        voxel = np.rint(volume.grid.voxel_points(theirs)).astype(int)
        np.testing.assert_allclose(volume.grid.world_points(voxel), theirs, atol=1e-5)
        assert image.GetPixel(index) == volume.data[tuple(voxel)]


def test_the_same_volume_as_a_classic_series(tmp_path):
    write_series(tmp_path / "classic", VOXELS)
    write_enhanced(tmp_path / "enhanced" / "a", [VOXELS])
    classic, enhanced = read_image(tmp_path / "classic"), read_image(tmp_path / "enhanced")
    np.testing.assert_array_equal(classic.data, enhanced.data)
    np.testing.assert_array_equal(classic.grid.world_from_voxel, enhanced.grid.world_from_voxel)
    assert classic.provenance == enhanced.provenance


PHASES = {
    "temporal position": lambda phase, k: {"TemporalPositionIndex": phase},
    "acquisition number": lambda phase, k: {"FrameAcquisitionNumber": phase},
    "acquisition time": lambda phase, k: {"FrameAcquisitionDateTime": f"2001020310{14 + phase}{10 + k}"},
    "acquisition number and offset": lambda phase, k: {"FrameAcquisitionNumber": phase, "offset": 1.25 * (phase - 1)},
    "trigger time and offset": lambda phase, k: {"trigger": 100.0 * phase, "offset": 1.25 * (phase - 1)},
    "reference time": lambda phase, k: {"FrameReferenceDateTime": f"2001020310{14 + phase}00.5"},
}


@pytest.mark.parametrize("name", PHASES)
def test_phases_in_one_file_are_listed_and_picked(tmp_path, name):
    write_enhanced(tmp_path / "a.dcm", [VOXELS, VOXELS + 7], frame=PHASES[name])
    assert [(s.phase, s.num_phases, s.num_slices) for s in list_series(tmp_path)] == [(1, 2, 6), (2, 2, 6)]
    with pytest.raises(ImageError) as caught:
        read_image(tmp_path)
    assert "phase 2 of 2 of its series" in caught.value.listing
    np.testing.assert_array_equal(read_image(tmp_path / "a.dcm", series="1").data, VOXELS - 1024)
    np.testing.assert_array_equal(read_image(tmp_path, series="2").data, VOXELS + 7 - 1024)
    with pytest.raises(SettingsError, match="got none"):
        read_image(tmp_path, series="3")


def test_compressed_frames(tmp_path):
    write_enhanced(tmp_path / "a.dcm", [VOXELS])
    dataset = pydicom.dcmread(tmp_path / "a.dcm")
    dataset.compress(RLELossless)
    save(dataset, tmp_path / "a.dcm", syntax=RLELossless)
    np.testing.assert_array_equal(read_image(tmp_path).data, VOXELS - 1024)


BROKEN = {
    "no functional groups": ({"PerFrameFunctionalGroupsSequence": None}, ImageError, "multi-frame image without"),
    "doubled": ({"frame": lambda phase, k: {}, "phases": 2}, ImageError, "doubled"),
    "no rescale": ({"SharedFunctionalGroupsSequence": None}, ImageError, "Rescale Slope"),
    "mr": ({"Modality": "MR"}, ImageError, "expected a CT series"),
    "missing frame": ({"spacing": (0.8, 0.7, 2.5), "gap": True}, ImageError, "got 1 missing"),
    "truncated": ({"cut": 200}, FileFormatError, "damaged"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_give_one_line(tmp_path, name):
    options, kind, message = BROKEN[name]
    options = dict(options)
    phases, gap, cut = options.pop("phases", 1), options.pop("gap", False), options.pop("cut", 0)
    path = tmp_path / "a.dcm"
    write_enhanced(path, [VOXELS + n for n in range(phases)], **options)
    if gap:
        dataset = pydicom.dcmread(path)
        frame = 9 * 7 * 2
        del dataset.PerFrameFunctionalGroupsSequence[2]
        dataset.PixelData = dataset.PixelData[: 2 * frame] + dataset.PixelData[3 * frame :]
        dataset.NumberOfFrames = 5
        save(dataset, path)
    if cut:
        path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(kind, match=message) as caught:
        read_dicom_series(path)
    assert "\n" not in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_a_single_slice_file_is_still_the_wrong_thing(tmp_path):
    write_series(tmp_path, VOXELS)
    with pytest.raises(FileFormatError, match="one of its files"):
        read_image(sorted(tmp_path.iterdir())[0])
