"""What `hepareg register` reads: every byte of its inputs once, for reading is most of a run's floor."""

import builtins
import io
from collections import Counter

import pytest

from hepareg.cli.main import main

pytestmark = pytest.mark.performance

BUFFER_BYTES = 1 << 19
"""What is asked for at once of a compressed file."""


@pytest.fixture
def reads(monkeypatch):
    """Counters of how often each file is opened for reading, and of the bytes that the system was asked for."""
    opened, received = Counter(), Counter()
    plain = io.open

    class Counted(io.FileIO):
        def readinto(self, buffer):
            number = super().readinto(buffer)
            received[str(self.name)] += number or 0
            return number

        def readall(self):
            content = super().readall()
            received[str(self.name)] += len(content)
            return content

    def counting(file, mode="r", *arguments, **named):
        if mode != "rb":
            return plain(file, mode, *arguments, **named)
        opened[str(file)] += 1
        return io.BufferedReader(Counted(file))

    monkeypatch.setattr(builtins, "open", counting)
    monkeypatch.setattr(io, "open", counting)
    return opened, received


def check_mask(path, opened, received):
    """Check that a mask is read once, and a buffer of its head once more: the table of its labels may name an organ."""
    assert opened[str(path)] <= 2, path.name
    assert received[str(path)] <= path.stat().st_size + min(path.stat().st_size, BUFFER_BYTES), path.name


def test_a_matrix_needs_every_input_once(pair_folder, tmp_path, reads):
    opened, received = reads
    inputs = [pair_folder / f"{name}.nii.gz" for name in ("moving", "fixed", "moving_liver", "fixed_liver")]
    moving, fixed, moving_mask, fixed_mask = map(str, inputs)
    command = ["register", moving, fixed, "--moving-mask", moving_mask, "--fixed-mask", fixed_mask]
    assert main([*command, "-o", str(tmp_path / "out"), "--matrix-only", "--quiet", "--threads", "1"]) == 0
    for path in inputs[:2]:
        assert (opened[str(path)], received[str(path)]) == (1, path.stat().st_size), path.name
    for path in inputs[2:]:
        check_mask(path, opened, received)


def test_the_images_cost_one_more_pass_over_the_moving_file(pair_folder, tmp_path, reads):
    """Its voxels go on as they are stored, under another header; of its own header a buffer is read."""
    opened, received = reads
    inputs = [pair_folder / f"{name}.nii.gz" for name in ("moving", "fixed", "fixed_liver")]
    moving, fixed, mask = map(str, inputs)
    command = ["register", moving, fixed, "--fixed-mask", mask, "-o", str(tmp_path / "out")]
    assert main([*command, "--quiet", "--threads", "1"]) == 0
    assert (opened[fixed], received[fixed]) == (1, inputs[1].stat().st_size)
    check_mask(inputs[2], opened, received)
    assert opened[moving] <= 3
    assert received[moving] <= 2 * inputs[0].stat().st_size + BUFFER_BYTES
