import errno
import os
import pickle
import signal
import subprocess
import sys
import time

import pytest
import torch

from hepareg.errors import FileFormatError, OutputError
from hepareg.training import checkpoint_file
from hepareg.training.checkpoint_file import read_checkpoint, write_checkpoint

WRITER = """
import sys, torch
from hepareg.training.checkpoint_file import write_checkpoint
number = 0
while True:
    number += 1
    write_checkpoint({"number": number, "weights": torch.full((2_000_000,), float(number))}, sys.argv[1])
    print(number, flush=True)
"""


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "new" / "last.ckpt"
    write_checkpoint({"epoch": 3, "weights": torch.arange(4.0)}, path)
    checkpoint = read_checkpoint(path)
    assert checkpoint["epoch"] == 3
    assert torch.equal(checkpoint["weights"], torch.arange(4.0))
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.slow
@pytest.mark.parametrize("delay_s", [0.0, 0.003, 0.007])
def test_kill_9_while_writing_leaves_the_last_checkpoint_whole(tmp_path, delay_s):
    path = tmp_path / "last.ckpt"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        for _ in range(5):
            process.stdout.readline()
        time.sleep(delay_s)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    checkpoint = read_checkpoint(path)
    assert checkpoint["number"] >= 5
    assert (checkpoint["weights"] == checkpoint["number"]).all()


@pytest.mark.parametrize("part", ["write", "replace"])
def test_a_full_disk_keeps_the_older_file_and_says_so(tmp_path, monkeypatch, part):
    path = tmp_path / "last.ckpt"
    write_checkpoint({"epoch": 1}, path)

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint_file.os, "fsync" if part == "write" else "replace", fail)
    with pytest.raises(
        OutputError,
        match=r"expected to write last.ckpt, got an error \(the disk is full\); older checkpoints, if any, are whole",
    ):
        write_checkpoint({"epoch": 2}, path)
    monkeypatch.undo()
    assert read_checkpoint(path)["epoch"] == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(FileFormatError, match="found none"):
        read_checkpoint(tmp_path / "last.ckpt")


def test_a_truncated_file_is_told(tmp_path):
    path = tmp_path / "last.ckpt"
    write_checkpoint({"weights": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:-700])
    with pytest.raises(FileFormatError, match="damaged or foreign"):
        read_checkpoint(path)


def test_another_programs_checkpoint_is_refused(tmp_path):
    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": {}}, path)
    with pytest.raises(FileFormatError, match="got another file"):
        read_checkpoint(path)


class Harmful:
    def __reduce__(self):
        return (os.mkdir, ("harm",))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # torch's remark on a file that is then refused
@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_code_in_a_file_is_not_run(tmp_path, monkeypatch, save):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "last.ckpt"
    save({"hepareg_format": Harmful()}, path)
    with pytest.raises(FileFormatError, match="damaged or foreign"):
        read_checkpoint(path)
    assert not (tmp_path / "harm").exists()
