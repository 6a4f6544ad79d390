import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hepareg.errors import DeviceError, SettingsError
from hepareg.training.checkpoint_file import read_checkpoint
from hepareg.training.distributed import gather_rows, resolve_device, world_of
from hepareg.training.settings import RunSettings

SCRIPT = Path(__file__).with_name("ddp_run.py")


def parameters_after(folder, processes, precision):
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(torchrun if processes > 1 else []), SCRIPT, folder, str(processes), precision]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return read_checkpoint(folder / "checkpoints" / "last.ckpt")["state_dict"]


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "tolerance"), [("32", 1e-5), ("64", 1e-10)])
def test_two_processes_equal_one_with_the_joined_batch(tmp_path, precision, tolerance):
    two = parameters_after(tmp_path / "two", 2, precision)
    one = parameters_after(tmp_path / "one", 1, precision)
    assert one.keys() == two.keys()
    worst = max(float((one[name] - two[name]).abs().max()) for name in one)
    assert worst <= tolerance
    lines = [(tmp_path / name / "metrics.csv").read_text().splitlines()[1].split(",") for name in ("one", "two")]
    assert [float(value) for value in lines[0]] == pytest.approx([float(value) for value in lines[1]], rel=1e-4)


def test_the_world_is_what_torchrun_says(monkeypatch):
    for name, value in (("WORLD_SIZE", "8"), ("LOCAL_WORLD_SIZE", "4"), ("RANK", "5")):
        monkeypatch.setenv(name, value)
    world = world_of(RunSettings(processes=8))
    assert (world.rank, world.size, world.local_size, world.num_nodes) == (5, 8, 4, 2)


def test_alone_is_one_process(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert world_of(RunSettings()).size == 1
    with pytest.raises(SettingsError, match=r"run\.processes=1"):
        world_of(RunSettings(processes=2))


def test_cuda_is_taken_where_it_is_and_asked_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert (resolve_device("auto"), resolve_device("cpu"), resolve_device("cuda")) == ("cuda", "cpu", "cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == "cpu"
    with pytest.raises(DeviceError):
        resolve_device("cuda")


def test_rows_of_one_process_are_keyed_by_their_index():
    assert gather_rows([[3.0, 0.5], [1.0, 0.25]]) == {3: [3.0, 0.5], 1: [1.0, 0.25]}
