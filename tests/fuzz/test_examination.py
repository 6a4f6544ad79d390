"""That the examination of a mutant sees every broken promise, shown with readers that break them."""

import os
import sys
import tempfile
import warnings

import numpy as np
import pytest

from hepareg.errors import FileFormatError, ImageError
from tests.fuzz import examination
from tests.fuzz.mutant import mutant_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads time and memory of a process from /proc")
KEPT = []


def fails(path, folder):
    raise KeyError("sizes")


def warns(path, folder):
    warnings.warn("patient", RuntimeWarning, stacklevel=1)


def prints(path, folder):
    os.write(2, b"HDF5: error")


def breaks_the_line(path, folder):
    raise FileFormatError("expected\nanother")


def repeats_a_file(path, folder):
    raise ImageError("expected x, got " + "A" * 5000)


def runs_out_of_memory(path, folder):
    try:
        raise MemoryError
    except MemoryError as error:
        raise FileFormatError("expected a smaller file") from error


def leaves_a_temporary_file(path, folder):
    KEPT.append(tempfile.mkdtemp())


def leaves_an_output(path, folder):
    (folder / "out" / "half.csv").write_text("x")
    raise FileFormatError("expected another")


def changes_its_input(path, folder):
    path.write_bytes(b"")


def takes_memory(path, folder):
    np.ones(40 << 20, np.uint8)


@pytest.mark.parametrize(
    ("read", "fault"),
    [
        (fails, "KeyError"),
        (warns, "warning: RuntimeWarning: patient"),
        (prints, "wrote on stderr"),
        (breaks_the_line, "one printable line"),
        (repeats_a_file, "one printable line"),
        (runs_out_of_memory, "ran out of memory"),
        (leaves_a_temporary_file, "left temporary files"),
        (leaves_an_output, "left an output"),
        (changes_its_input, "changed files of input"),
        (takes_memory, "took"),
    ],
)
def test_a_broken_promise_is_seen(monkeypatch, read, fault):
    monkeypatch.setattr(examination, "READERS", {"landmarks": (read,)})
    monkeypatch.setattr(examination, "MAX_GROWTH_BYTES", 20 << 20)
    outcome = examination.examined(mutant_of("csv", 0))
    assert len(outcome.faults) == 1
    assert fault in outcome.faults[0]


def test_a_file_that_is_refused_in_one_line_has_no_fault(monkeypatch):
    def refuses(path, folder):
        raise FileFormatError(f"expected a table, got another file: {path}")

    monkeypatch.setattr(examination, "READERS", {"landmarks": (refuses,)})
    outcome = examination.examined(mutant_of("csv", 0))
    assert (outcome.accepted, outcome.faults) == (False, ())
