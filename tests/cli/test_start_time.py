"""`hepareg --help` answers at once: guarded by what it imports, since tests must not measure seconds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import hepareg

HEAVY = {
    "numpy", "scipy", "torch", "SimpleITK", "nibabel", "pydicom", "PIL", "tqdm", "trimesh", "isal", "monai",
    "lightning", "pydantic", "safetensors", "importlib.metadata",
}  # fmt: skip


def modules_after(*words):
    code = (
        "import sys\nfrom hepareg.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\nprint('\\n' + ' '.join(sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(hepareg.__file__).parents[1])}
    process = [sys.executable, "-c", code, *words]
    done = subprocess.run(process, capture_output=True, text=True, check=True, env=environment)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["register", "--help"], ["register", "one"]])
def test_nothing_heavy_is_imported(words):
    assert not modules_after(*words) & HEAVY


def test_a_missing_file_is_told_before_torch_is_imported(tmp_path):
    modules = modules_after("register", str(tmp_path / "a.nii"), str(tmp_path / "b.nii"), "-o", str(tmp_path / "out"))
    assert "torch" not in modules
