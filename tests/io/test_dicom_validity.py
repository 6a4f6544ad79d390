"""What another tool says of the DICOM series that are written: `dciodvfy` (Debian package dicom3tools)."""

import shutil
import subprocess

import numpy as np
import pytest

from hepareg.geometry import Grid
from hepareg.io.dicom_output import write_dicom_series
from hepareg.volume import Volume

OBLIQUE = np.array([[-0.8, 0.1, 0, 90.1], [0.1, 0.8, 0, -70.5], [0, 0, 2.5, -300.25], [0, 0, 0, 1]])


@pytest.fixture
def files(tmp_path):
    voxels = np.random.default_rng(0).integers(-2048, 3000, (20, 16, 3)).astype(np.int16)
    for number, name in enumerate(("moving", "fixed"), start=1):
        write_dicom_series(
            tmp_path / name, Volume(voxels, Grid(voxels.shape, OBLIQUE)), study="SIMULATED-1", series_number=number,
            description=f"simulated {name}",
        )  # fmt: skip
    return sorted(tmp_path.rglob("*.dcm"))


def said_by(tool, *files):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed: apt-get install dicom3tools")
    done = subprocess.run([tool, *map(str, files)], capture_output=True, text=True, check=False)
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("Error", "Warning"))]


def test_every_file_is_valid(files):
    assert len(files) == 6
    for file in files:
        assert said_by("dciodvfy", file) == []


def test_files_of_a_study_agree(files):
    assert said_by("dcentvfy", *files) == []


def test_the_tool_would_find_a_fault(files):
    import pydicom

    broken = pydicom.dcmread(files[0])
    del broken.ImageOrientationPatient
    broken.save_as(files[0])
    assert said_by("dciodvfy", files[0])
