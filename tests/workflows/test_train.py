"""`hepareg train` from the command line to files, on simulated pairs of a coarse anatomy."""

import errno
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from hepareg.cli.main import main
from hepareg.networks.weights import load_weights
from hepareg.training.settings_file import load_settings
from hepareg.workflows import train as workflow

COARSE = [
    "data.region={shape_vox: [24, 20, 20], spacing_mm: 10.0, liver_margin_mm: 20.0}",
    "data.simulated={num_anatomies: 2, num_validation: 1, spacing_mm: 8.0, vessel_density: 0.05}",
    "data.pairs_per_epoch=4",
    "data.batch_size=2",
    "network.efficient.channels=[4, 8]",
    "network.keypoints={points_per_axis: 2, width: 8}",
    "run.threads=1",
    "tracking.overlays=1",
]


def train(*arguments):
    settings, *rest = arguments
    return main(["train", settings, *COARSE, *rest])


@pytest.mark.slow
def test_a_run_can_be_resumed_and_leaves_weights_with_settings_and_metrics(tmp_path, capsys):
    out = tmp_path / "run"
    assert train("small", "run.epochs=1", "-o", str(out)) == 0
    assert train("small", "run.epochs=2", "-o", str(out), "--resume") == 0
    assert "median liver TRE of the validation pairs" in capsys.readouterr().out
    loaded = load_weights(out / "weights.safetensors")
    assert loaded.preprocessing["shape_vox"] == [24, 20, 20]
    assert loaded.metrics["epochs"] == 2
    assert loaded.metrics["settings"]["network"]["decoder"] == "keypoints"
    metrics = json.loads((out / "metrics.json").read_text())
    assert np.isfinite(metrics["validation"]["val_tre_mm"])
    assert load_settings(out / "settings.yaml").run.epochs == 2
    assert len((out / "metrics.csv").read_text().splitlines()) == 3
    for path in out.rglob("*"):
        if path.is_file() and path.name != "settings.yaml":
            assert str(tmp_path).encode() not in path.read_bytes(), path.name


@pytest.mark.slow
def test_a_run_killed_without_warning_goes_on_and_ends_as_if_nothing_had_happened(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    shared = ["run.epochs=4", f"data.cache={tmp_path / 'cache'}"]
    assert train("small", *shared, "-o", str(whole)) == 0
    command = [sys.executable, "-m", "hepareg", "train", "small", *COARSE, *shared, "-o", str(killed)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if line.startswith("epoch 2/"):
                break
        os.kill(process.pid, signal.SIGKILL)
    assert not (killed / "weights.safetensors").exists()
    assert train("small", *shared, "-o", str(killed), "--resume") == 0
    one, other = (load_weights(out / "weights.safetensors").net.state_dict() for out in (whole, killed))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert [(out / "metrics.csv").read_text() for out in (whole, killed)] == [(whole / "metrics.csv").read_text()] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["small", "run.epoch=3"], "run.epoch: unknown key"),
        (["nowhere.yaml"], "expected a YAML file or one of published"),
        (["small", "data.source=manifest", "data.manifest=gone.csv"], "gone.csv"),
        (["small", "run.processes=2"], "expected 2 processes"),
        (["small", "--resume"], "expected a checkpoint last.ckpt to resume from"),
    ],
)
def test_bad_input_is_told_in_one_line_before_the_first_epoch(tmp_path, capsys, arguments, message):
    out = tmp_path / "run"
    assert train(*arguments, "-o", str(out)) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1
    assert message in error[0]
    assert not (out / "checkpoints").exists()


def test_a_folder_with_files_is_not_written_into(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious.txt").write_text("kept")
    assert train("small", "-o", str(tmp_path / "run")) == 2
    assert "one with files" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["precious.txt"]


def test_a_folder_with_a_run_is_gone_on_with_by_resume(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "settings.yaml").touch()
    assert train("small", "-o", str(tmp_path / "run")) == 2
    assert "--resume" in capsys.readouterr().err


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that not even root can write")
def test_an_unwritable_output_is_told_before_any_pair_is_made(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(workflow, "_sources", None)
    assert train("small", f"data.cache={tmp_path / 'cache'}", "-o", "/proc/run") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "expected a place for the output that can be written, got run in a folder that cannot" in error


def test_a_disk_that_fills_up_while_pairs_are_prepared_is_told(tmp_path, capsys, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("hepareg.data.prepared.PreparedPairs.fill", full)
    assert train("small", "-o", str(tmp_path / "run")) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "cache of prepared pairs cannot be written (No space left on device)" in error


def test_show_prints_settings_that_load_again(tmp_path, capsys):
    assert main(["train", "small", "seed=7", "-o", "x", "--show"]) == 0
    path = tmp_path / "shown.yaml"
    path.write_text(capsys.readouterr().out)
    assert load_settings(path) == load_settings("small", ["seed=7"])


@pytest.mark.parametrize("command", [["train", "small", "-o", "out"], ["evaluate", "--simulated", "1", "-o", "out"]])
def test_without_the_extra_the_message_says_what_to_install(monkeypatch, capsys, command):
    monkeypatch.setitem(sys.modules, "pydantic", None)
    assert main(command) == 2
    assert "pip install 'hepareg[train]'" in capsys.readouterr().err
