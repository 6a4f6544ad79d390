"""`hepareg apply`, `compare` and `rigidify` from the command line."""

import json

import numpy as np
import pytest

from hepareg.cli.main import main
from hepareg.geometry import Grid
from hepareg.io.landmarks import read_landmarks
from hepareg.io.matrix_text import write_matrix_text
from hepareg.io.nifti import read_nifti, write_nifti
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.volume import Volume

GRID = Grid((16, 14, 10), np.diag([-2.0, -2.0, 4.0, 1.0]))
POSE = RigidTransform.from_vectors([0, 0, 0.1], [3, 4, 0])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mask = np.zeros(GRID.shape, np.uint8)
    mask[4:12, 4:10, 2:8] = 1
    write_nifti("liver.nii.gz", Volume(mask, GRID))
    write_nifti("ct.nii.gz", Volume(mask.astype(np.int16) * 100 - 50, GRID))
    write_matrix_text("moving_from_fixed.txt", POSE)
    write_matrix_text("b.txt", RigidTransform.identity())
    write_matrix_text("affine.txt", AffineTransform(POSE.matrix @ np.diag([1.1, 1.0, 1.0, 1.0])))
    write_matrix_text("mirror.txt", AffineTransform(np.diag([1.0, 1.0, -1.0, 1.0])))
    (tmp_path / "p.csv").write_text("x,y,z\n1,2,3\n")
    return tmp_path


def test_apply(folder, capsys):
    assert main(["apply", "moving_from_fixed.txt", "ct.nii.gz", "-o", "w.nii.gz", "--reference", "liver.nii.gz"]) == 0
    assert "linear, background -1024" in capsys.readouterr().err
    assert read_nifti("w.nii.gz").data.dtype == np.int16
    assert main(["apply", "moving_from_fixed.txt", "p.csv", "-o", "w.csv", "--inverse", "--space", "lps"]) == 0
    expected = POSE.apply([-1.0, -2.0, 3.0])
    assert np.abs(read_landmarks("w.csv").points - expected).max() < 1e-12  # the file says that it is in LPS
    assert main(["apply", "moving_from_fixed.txt", "p.csv", "-o", "w.csv"]) == 2
    assert main(["apply", "moving_from_fixed.txt", "gone.nii.gz", "-o", "v.nii.gz", "--reference", "liver.nii.gz"]) == 2
    assert not (folder / "v.nii.gz").exists()


def test_compare(folder, capsys):
    assert main(["compare", "moving_from_fixed.txt", "b.txt", "--mask", "liver.nii.gz", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rotation_deg"] == pytest.approx(np.degrees(0.1))
    assert main(["compare", "moving_from_fixed.txt", "affine.txt", "--mask", "liver.nii.gz"]) == 0
    printed = capsys.readouterr()
    assert "B is not rigid" in printed.err
    assert "mm worst" in printed.out


def test_rigidify(folder, capsys):
    images = ["--fixed", "ct.nii.gz", "--moving", "ct.nii.gz", "--mask", "liver.nii.gz"]
    assert main(["rigidify", "affine.txt", "--direction", "moving_from_fixed", "-o", "rigid.txt", *images]) == 0
    assert "RL +10.000 %" in capsys.readouterr().out
    assert main(["rigidify", "mirror.txt", "--direction", "moving_from_fixed", "-o", "bad.txt", *images]) == 2
    printed = capsys.readouterr().err
    assert "positive determinant" in printed
    assert printed.count("\n") == 1
    assert not (folder / "bad.txt").exists()
