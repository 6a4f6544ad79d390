"""What `hepareg register --matrix-only` imports: half of its time goes there, so that no library comes in unasked."""

import json
import subprocess
import sys

REPORT = """
import json, sys
from hepareg.cli.main import main
main(sys.argv[1:])
print(json.dumps(sorted(sys.modules)))
"""
NOT_NEEDED = {
    "SimpleITK", "nibabel", "pydicom", "highdicom", "PIL", "matplotlib", "trimesh", "safetensors", "lightning", "monai",
    "jsonschema", "pandas", "onnx",
}  # fmt: skip


"""scipy is needed: its KD-tree finds the nearest points of two masks' surfaces (a tenth of a second)."""


def modules_of(*arguments):
    done = subprocess.run([sys.executable, "-c", REPORT, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_a_matrix_from_nifti_needs_numpy_torch_and_isal(pair_folder, tmp_path):
    images = [pair_folder / "moving.nii.gz", pair_folder / "fixed.nii.gz"]
    masks = ["--moving-mask", pair_folder / "moving_liver.nii.gz", "--fixed-mask", pair_folder / "fixed_liver.nii.gz"]
    options = ["-o", tmp_path / "out", "--matrix-only", "--quiet", "--threads", "1"]
    found = modules_of("register", *images, *masks, *options)
    assert (tmp_path / "out" / "moving_from_fixed.txt").exists()
    assert not {name.split(".")[0] for name in found} & NOT_NEEDED
    unwanted = {"hepareg.networks", "hepareg.simulation", "hepareg.training", "hepareg.figures", "hepareg.similarity"}
    assert not found & unwanted


def test_a_simulated_pair_in_nifti_needs_neither_torch_nor_pydicom(tmp_path):
    """Five seconds are promised for a pair; each of these would take a good part of one."""
    size = ["--size", "62", "50", "40", "--spacing-mm", "6", "6", "6", "--quiet"]
    found = modules_of("simulate", "-o", tmp_path / "out", *size)
    assert not {name.split(".")[0] for name in found} & {"torch", "pydicom", "SimpleITK", "nibabel", "matplotlib"}


def test_the_process_ends_with_everything_flushed_and_its_status(pair_folder, tmp_path):
    """The end of the process leaves out only the destruction of modules."""
    command = [sys.executable, "-m", "hepareg", "register", pair_folder / "moving.nii.gz", pair_folder / "fixed.nii.gz"]
    command += ["-o", tmp_path / "out", "--matrix-only", "--json", "--threads", "1"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert done.returncode == 0
    assert json.loads(done.stdout) == json.loads((tmp_path / "out" / "result.json").read_text())
    assert "look at the result" in done.stderr  # no mask was given
    again = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.count("\n") == 1
