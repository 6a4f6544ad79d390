"""Wrong input to every command but `register`, which has its own page: one line, exit code 2, nothing left on disk."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk

from hepareg.cli.main import main
from hepareg.geometry import Grid
from hepareg.io.matrix_text import write_matrix_text
from hepareg.io.nifti import write_nifti
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.volume import Volume

GRID = Grid((16, 14, 12), np.diag([-2.0, -2.0, 4.0, 1.0]))
OTHER = Grid((15, 14, 12), np.diag([-2.0, -2.0, 4.0, 1.0]))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Good files and bad ones, under names that say what they are."""
    monkeypatch.chdir(tmp_path)
    mask = np.zeros(GRID.shape, np.uint8)
    mask[4:12, 4:10, 2:8] = 1
    write_nifti("liver.nii.gz", Volume(mask, GRID))
    write_nifti("other.nii.gz", Volume(mask[:15], OTHER))
    write_nifti("empty.nii.gz", Volume(mask * 0, GRID))
    write_nifti("labels.nii.gz", Volume(mask + (np.arange(12) > 5).astype(np.uint8), GRID))
    noise = np.random.default_rng(0).normal(0, 40, GRID.shape)
    write_nifti("ct.nii.gz", Volume((mask * 100 - 50 + noise).astype(np.int16), GRID))
    write_nifti("mr.nii.gz", Volume((np.abs(noise) * 9).astype(np.uint16), GRID))
    sitk.WriteImage(sitk.JoinSeries([sitk.Image(8, 8, 8, sitk.sitkInt16)] * 2), "4d.nii.gz")
    sitk.WriteImage(sitk.Image([8, 8, 8], sitk.sitkVectorUInt8, 3), "colour.mha")
    (tmp_path / "cut.nii.gz").write_bytes((tmp_path / "ct.nii.gz").read_bytes()[:-300])
    (tmp_path / "text.nii.gz").write_text("no image")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(400))
    write_matrix_text("moving_from_fixed.txt", RigidTransform.identity())
    write_matrix_text("moving_from_fixed_mirror.txt", AffineTransform(np.diag([1.0, 1.0, -1.0, 1.0])))
    (tmp_path / "singular.txt").write_text("1 0 0 0\n0 1 0 0\n0 0 0 0\n0 0 0 1\n")
    (tmp_path / "words.txt").write_text("up ten millimetres\n")
    (tmp_path / "flirt.mat").write_text("1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n")
    (tmp_path / "p.csv").write_text("x,y,z\n1,2,3\n")
    (tmp_path / "q.csv").write_text("x,y\n1,2\n")
    (tmp_path / "bad.stl").write_text("solid nothing")
    (tmp_path / "gone.csv").write_text("case,moving,fixed\none,ct.nii.gz,gone.nii.gz\n")
    (tmp_path / "column.csv").write_text("case,moving,fixed,liver\none,ct.nii.gz,ct.nii.gz,liver.nii.gz\n")
    (tmp_path / "pairs.csv").write_text("case,moving,fixed\none,ct.nii.gz,ct.nii.gz\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    return tmp_path


PULL = "--reference ct.nii.gz"
IMAGES = "--fixed ct.nii.gz --moving ct.nii.gz"
CASES = {
    "apply gone.txt ct.nii.gz -o w.nii.gz --reference ct.nii.gz": "does not exist",
    "apply words.txt ct.nii.gz -o w.nii.gz --reference ct.nii.gz": "four lines of four numbers",
    "apply singular.txt ct.nii.gz -o w.nii.gz --reference ct.nii.gz": "singular|invertible",
    "apply moving_from_fixed.txt gone.nii.gz -o w.nii.gz --reference ct.nii.gz": "does not exist",
    "apply moving_from_fixed.txt cut.nii.gz -o w.nii.gz --reference ct.nii.gz": "truncated",
    "apply moving_from_fixed.txt text.nii.gz -o w.nii.gz --reference ct.nii.gz": "NIfTI",
    "apply moving_from_fixed.txt picture.png -o w.nii.gz --reference ct.nii.gz": "NIfTI",
    "apply moving_from_fixed.txt 4d.nii.gz -o w.nii.gz --reference ct.nii.gz": "3-D",
    "apply moving_from_fixed.txt colour.mha -o w.nii.gz --reference ct.nii.gz": "one value per voxel",
    "apply moving_from_fixed.txt ct.nii.gz -o w.nii.gz --reference gone.nii.gz": "does not exist",
    "apply moving_from_fixed.txt ct.nii.gz -o w.nii.gz": "--reference",
    "apply moving_from_fixed.txt ct.nii.gz -o w.nrrd --reference ct.nii.gz": "ending in",
    "apply moving_from_fixed.txt ct.nii.gz -o liver.nii.gz --reference ct.nii.gz": "existing file",
    "apply moving_from_fixed.txt ct.nii.gz -o moving_from_fixed.txt/w.nii.gz --reference ct.nii.gz": "cannot",
    "apply moving_from_fixed.txt bad.stl -o w.stl": "mesh",
    "apply moving_from_fixed.txt q.csv -o w.csv": "columns x, y and z",
    "apply flirt.mat p.csv -o w.csv": "both images",
    "apply moving_from_fixed.txt p.csv -o w.csv --reference ct.nii.gz": "no image beside points",
    "apply moving_from_fixed.txt ct.nii.gz -o w.nii.gz --reference ct.nii.gz --moving-series 2": "folder of DICOM",
    "compare gone.txt moving_from_fixed.txt --mask liver.nii.gz": "does not exist",
    "compare moving_from_fixed.txt words.txt --mask liver.nii.gz": "four lines",
    "compare moving_from_fixed.txt singular.txt --mask liver.nii.gz": "singular|invertible",
    "compare moving_from_fixed.txt flirt.mat --mask liver.nii.gz": "both images",
    "compare moving_from_fixed.txt moving_from_fixed.txt --mask empty.nii.gz": "empty",
    "compare moving_from_fixed.txt moving_from_fixed.txt --mask labels.nii.gz": "--mask-label",
    "compare moving_from_fixed.txt moving_from_fixed.txt --mask labels.nii.gz --mask-label 9": "label 9",
    "compare moving_from_fixed.txt moving_from_fixed.txt --mask ct.nii.gz": "image given in its place",
    "compare moving_from_fixed.txt moving_from_fixed.txt --mask cut.nii.gz": "truncated",
    f"rigidify moving_from_fixed_mirror.txt -o r.txt {IMAGES} --mask liver.nii.gz": "positive determinant",
    f"rigidify singular.txt -o r.txt {IMAGES} --mask liver.nii.gz": "singular|invertible|positive determinant",
    f"rigidify gone.txt -o r.txt {IMAGES} --mask liver.nii.gz": "does not exist",
    f"rigidify moving_from_fixed.txt -o r.txt {IMAGES} --mask labels.nii.gz": "--mask-label",
    f"rigidify moving_from_fixed.txt -o r.txt {IMAGES} --mask empty.nii.gz": "empty",
    f"rigidify moving_from_fixed.txt -o r.nii {IMAGES} --mask liver.nii.gz": "ending in .txt",
    f"rigidify moving_from_fixed.txt -o words.txt {IMAGES} --mask liver.nii.gz": "existing file",
    "preprocess gone_manifest.csv -o out": "manifest",
    "preprocess gone.csv -o out": "row 2: case one: the fixed file does not exist",
    "preprocess column.csv -o out": "unknown column 'liver'",
    "preprocess ct.nii.gz -o out": "manifest",
    "preprocess pairs.csv -o moving_from_fixed.txt": "existing file",
    "preprocess pairs.csv -o full": "with files",
    "preprocess pairs.csv -o out --slices 0": "positive number",
    "preprocess pairs.csv -o out --window 200 100": "window",
    "preprocess pairs.csv -o out --unit-range": "--window",
    "preprocess pairs.csv -o out --spacing-mm 0": "spacing",
    "preprocess pairs.csv -o out --spacing-mm 1 -1 1": "spacing",
    "simulate -o out --ct gone.nii.gz --labels liver=liver.nii.gz": "does not exist",
    "simulate -o out --ct ct.nii.gz": "liver",
    "simulate -o out --ct ct.nii.gz --labels liver=empty.nii.gz": "any voxel",
    "simulate -o out --ct ct.nii.gz --labels liver=other.nii.gz": r"16x14x12 voxels.*15x14x12 voxels",
    "simulate -o out --ct ct.nii.gz --labels hart=liver.nii.gz": "hart",
    "simulate -o out --ct mr.nii.gz --labels liver=liver.nii.gz": "Hounsfield",
    "simulate -o out --ct cut.nii.gz --labels liver=liver.nii.gz": "truncated",
    "simulate -o full": "with files",
    "simulate -o moving_from_fixed.txt": "existing file",
    "simulate -o out --spacing-mm 0 1 1": "spacing",
    "demo -o full": "other files",
    "demo -o moving_from_fixed.txt": "existing file",
    "export gone.safetensors -o out": "found none at",
    "export ct.nii.gz -o out": "weights|safetensors",
}


@pytest.mark.parametrize("command", CASES)
def test_one_line_and_nothing_left(folder, capsys, command):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert main(command.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("hepareg: error: "), err
    assert err.count("\n") == 1
    assert re.search(CASES[command], err), err
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {"full"}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, of 64 kB, mounted read-only or writable."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=777", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("no right to mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs")
def test_a_disk_that_is_really_full(folder, small_disk, capsys):
    noise = np.random.default_rng(0).normal(0, 300, (64, 64, 40)).astype(np.int16)
    write_nifti("big.nii.gz", Volume(noise, Grid(noise.shape, np.diag([2.0, 2.0, 2.0, 1.0]))))
    (folder / "big.csv").write_text("case,moving,fixed\none,big.nii.gz,big.nii.gz\n")
    size = "--size 62 50 40 --spacing-mm 6 6 6"
    for command in (
        f"apply moving_from_fixed.txt big.nii.gz -o {small_disk}/w.nii.gz --reference big.nii.gz",
        f"simulate -o {small_disk}/pair {size}",
    ):
        assert main(command.split()) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert "disk is full" in err
        assert err.count("\n") == 1
        assert list(small_disk.iterdir()) == []
    assert main(f"preprocess big.csv -o {small_disk}/cases".split()) == 2
    assert "disk is full" in capsys.readouterr().err
    assert {path.name for path in (small_disk / "cases").iterdir()} <= {"settings.json"}


@pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs")
def test_a_disk_that_may_not_be_written(folder, small_disk, capsys):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for command in (
        f"apply moving_from_fixed.txt ct.nii.gz -o {small_disk}/w.nii.gz --reference ct.nii.gz",
        f"rigidify moving_from_fixed.txt -o {small_disk}/r.txt {IMAGES} --mask liver.nii.gz",
        f"simulate -o {small_disk}/pair --size 62 50 40 --spacing-mm 6 6 6",
        f"preprocess pairs.csv -o {small_disk}/cases",
        f"register ct.nii.gz ct.nii.gz -o {small_disk}/out --allow-identical",
    ):
        assert main(command.split()) == 2
        err = capsys.readouterr().err
        assert "cannot" in err
        assert err.count("\n") == 1
