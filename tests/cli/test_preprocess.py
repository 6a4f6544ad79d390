"""`hepareg preprocess` from the command line."""

import numpy as np
import pytest

from hepareg.cli.main import main
from hepareg.geometry import Grid
from hepareg.io.nifti import read_nifti, write_nifti
from hepareg.volume import Volume

GRID = Grid((20, 18, 30), np.diag([3.0, 3.0, 4.0, 1.0]))


@pytest.fixture
def manifest(tmp_path):
    data = np.full(GRID.shape, -1000, np.int16)
    data[2:18, 2:16] = np.random.default_rng(0).normal(50, 30, (16, 14, 30))
    write_nifti(tmp_path / "ct.nii.gz", Volume(data, GRID))
    mask = np.zeros(GRID.shape, np.uint8)
    mask[5:12, 5:12, 3:25] = 1
    write_nifti(tmp_path / "liver.nii.gz", Volume(mask, GRID))
    (tmp_path / "broken.nii.gz").write_bytes(b"no")
    path = tmp_path / "list.csv"
    path.write_text("case,moving,fixed,fixed_mask,moving_mask\none,ct.nii.gz,ct.nii.gz,liver.nii.gz,liver.nii.gz\n")
    return path


def test_options_reach_the_work(manifest, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["preprocess", str(manifest), "-o", str(out), "--extent-mm", "40", "--lateral-margin-mm", "0"]
    assert main([*command, "--spacing-mm", "2", "--window", "-100", "200"]) == 0
    image = read_nifti(out / "one" / "fixed.nii.gz")
    assert np.allclose(image.grid.spacing_mm, 2.0)
    assert np.allclose(np.array(image.shape) * 2.0, [21, 21, 40], atol=1.0)
    assert (image.data.min(), image.data.dtype) >= (-100, np.int16)
    assert "one: done, moving cropped, fixed cropped" in capsys.readouterr().out


def test_exit_code_of_failed_cases_and_of_wrong_input(manifest, tmp_path, capsys):
    manifest.write_text(manifest.read_text() + "two,broken.nii.gz,ct.nii.gz,,\n")
    assert main(["preprocess", str(manifest), "-o", str(tmp_path / "out"), "--slices", "5"]) == 1
    assert "case two failed" in capsys.readouterr().err
    assert (tmp_path / "out" / "one" / "moving.nii.gz").exists()
    assert main(["preprocess", str(tmp_path / "gone.csv"), "-o", str(tmp_path / "other")]) == 2
    assert main(["preprocess", str(manifest), "-o", str(tmp_path / "other"), "--spacing-mm", "1", "2"]) == 2
    assert not (tmp_path / "other").exists()
    message = capsys.readouterr().err
    assert "one or three numbers" in message
    assert "Traceback" not in message
