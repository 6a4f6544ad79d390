"""DICOM series written from a volume: valid for pydicom, the same bytes every time."""

import numpy as np
import pydicom
import pytest

from hepareg.errors import ImageError
from hepareg.geometry import Grid
from hepareg.io.dicom_output import write_dicom_series
from hepareg.io.images import read_image
from hepareg.volume import Volume

MATRIX = np.array([[-0.8, 0, 0, 90.123456789], [0, -0.8, 0, 70.5], [0, 0, 2.5, -300.25], [0, 0, 0, 1]])


@pytest.fixture
def volume():
    values = np.random.default_rng(0).integers(-2048, 3000, (20, 16, 5)).astype(np.int16)
    return Volume(values, Grid(values.shape, MATRIX))


def write(folder, volume):
    write_dicom_series(folder, volume, study="SIMULATED-1", series_number=2, description="simulated arterial")


def test_headers(tmp_path, volume):
    write(tmp_path / "series", volume)
    images = [pydicom.dcmread(path) for path in sorted((tmp_path / "series").iterdir())]
    assert len(images) == 5
    assert len({image.SeriesInstanceUID for image in images}) == 1
    assert len({image.SOPInstanceUID for image in images}) == 5
    assert all(image.SOPInstanceUID == image.file_meta.MediaStorageSOPInstanceUID for image in images)
    for image in images:
        assert (image.Rows, image.Columns) == (16, 20)
        assert image.StudyDate == "19000101"  # belongs to nobody
        assert image.PatientBirthDate == ""
        assert np.allclose(np.linalg.norm(np.reshape(image.ImageOrientationPatient, (2, 3)).astype(float), axis=1), 1)
    assert np.array_equal(images[3].pixel_array, volume.data[:, :, 3].T)


def test_read_back(tmp_path, volume):
    write(tmp_path / "series", volume)
    back = read_image(tmp_path / "series")
    order = np.rint(volume.grid.voxel_points(back.grid.world_points(np.argwhere(np.ones(back.shape))))).astype(int)
    assert np.array_equal(back.data.ravel(), volume.data[tuple(order.T)])
    assert np.abs(np.sort(back.grid.corners_mm, axis=0) - np.sort(volume.grid.corners_mm, axis=0)).max() < 1e-6


def test_same_bytes(tmp_path, volume):
    for name in ("one", "two"):
        write(tmp_path / name, volume)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_floating_point_is_refused(tmp_path, volume):
    with pytest.raises(ImageError, match="int16"):
        write(tmp_path / "series", volume.with_data(volume.data.astype(np.float32)))
