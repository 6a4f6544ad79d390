"""The command `hepareg simulate`."""

import pytest

from hepareg.cli.main import main


def test_pair_on_disk(tmp_path, capsys):
    options = ["--size", "62", "50", "40", "--spacing-mm", "6", "6", "6", "--seed", "1"]
    assert main(["simulate", "-o", str(tmp_path / "out"), *options]) == 0
    assert "1 pair" in capsys.readouterr().out
    assert (tmp_path / "out" / "truth.txt").exists()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--size", "5", "5", "5"], "voxels"),
        (["--labels", "liver.nii.gz"], "--ct"),
        (["--cut-top", "0.9"], "in view"),
        (["--rotation-deg", "5", "1"], "range"),
        (["--num-pairs", "0"], "at least one pair"),
        (["--seed", "-1"], "seed of 0 or more, got -1"),
        (["--slice-thickness-mm", "-1"], "slice_thickness_mm from 0.1 to 50, got -1"),
        (["--mask-error-mm", "100"], "mask_error_mm from 0 to 20"),
        (["--streaks-hu", "1e9"], "streaks_hu from 0 to 500"),
        (["--noise-hu", "nan"], "noise_hu from 0 to 200, got nan"),
    ],
)
def test_bad_options_are_one_line(tmp_path, capsys, options, text):
    assert main(["simulate", "-o", str(tmp_path / "out"), *options]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert text in lines[0]
    assert not list(tmp_path.iterdir())
