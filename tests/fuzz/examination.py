"""The examination of one mutant within a process: what it did, and which promises it broke."""

import os
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hepareg.errors import HeparegError
from tests.fuzz.mutant import Mutant
from tests.fuzz.readers import READERS, commands_of, write_good_files
from tests.fuzz.seeds.seed import files_of

__all__ = ["MAX_GROWTH_BYTES", "Outcome", "examined", "written_out"]

MAX_GROWTH_BYTES = 2 << 30
MAX_MESSAGE = 1000
"""Characters of an error's text: more than a person reads, but a line of a file that is repeated may have megabytes."""
EXIT_CODES = {"preprocess": (0, 1, 2), "register": (0, 2, 3)}
"""Besides 0 and 2: 1 if some cases failed, 3 if a registration was rejected; both write their outputs."""


@dataclass(frozen=True)
class Outcome:
    """What a mutant did.

    Parameters
    ----------
    accepted
        Whether its first reader, or the command, took it.
    faults
        Broken promises, in words; none is what is wanted.
    cpu_s, growth_bytes
        Time of the processor, and the most memory beside that before it.
    text
        Text of the last error.
    """

    accepted: bool
    faults: tuple[str, ...] = ()
    cpu_s: float = 0.0
    growth_bytes: int = 0
    text: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def written_out(mutant: Mutant, folder: Path) -> Path:
    """Write the files of a mutant into a new folder ``input`` and return the path that a user would name."""
    place = folder / "input"
    place.mkdir()
    for name, content in mutant.files.items():
        (place / name).write_bytes(content)
    return place / mutant.path if mutant.path else place


def examined(mutant: Mutant, *, command: int | None = None) -> Outcome:
    """Read a mutant, in process or through the n-th command that takes its kind, and return what came of it."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as name:
        folder = Path(name)
        for part in ("temporary", "out"):
            (folder / part).mkdir()
        write_good_files(folder / "good")
        path = written_out(mutant, folder)
        before = {part: files_of(folder / part) for part in ("input", "good")}
        resident = _peak_bytes(reset=True)
        start_s = time.process_time()
        with _temporary_folder(folder / "temporary"), _captured(folder):
            found = _read(mutant, path, folder) if command is None else _run(mutant, path, folder, command)
        accepted, faults, text = found
        cpu_s, growth = time.process_time() - start_s, _peak_bytes() - resident
        noise = (folder / "stderr").read_text("utf-8", "replace")
        if noise:
            faults.append(f"wrote on stderr: {noise[:500]!r}")
        faults += [f"changed files of {part}" for part in before if files_of(folder / part) != before[part]]
        if any((folder / "temporary").iterdir()):
            faults.append(f"left temporary files: {sorted(files_of(folder / 'temporary'))[:3]}")
        if growth > MAX_GROWTH_BYTES:
            faults.append(f"took {growth / 2**30:.1f} GiB")
    return Outcome(accepted, tuple(faults), round(cpu_s, 3), growth, text[:300])


def _read(mutant: Mutant, path: Path, folder: Path) -> tuple[bool, list[str], str]:
    accepted, faults, last = [], [], ""
    for read in READERS[mutant.kind]:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                read(path, folder)
                accepted.append(True)
            except Exception as error:
                accepted.append(False)
                last = str(error)
                faults += _faults_of(error, path)
                if any((folder / "out").iterdir()):
                    faults.append(f"left an output: {sorted(files_of(folder / 'out'))}")
        faults += [f"warning: {w.category.__name__}: {w.message} ({Path(w.filename).name}:{w.lineno})" for w in warned]
        for file in (folder / "out").iterdir():
            file.unlink()
    return accepted[0], list(dict.fromkeys(faults)), last


def _faults_of(error: Exception, path: Path) -> list[str]:
    if not isinstance(error, HeparegError):
        return [_traceback(error)]
    faults = _faults_of_line(str(error).replace(str(path), "PATH"))
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError) or "bad_alloc" in str(cause) or "allocate memory" in str(cause):
            faults.append(f"ran out of memory before it was stopped: {_traceback(cause)}")
        cause = cause.__cause__ or cause.__context__
    return faults


def _traceback(error: BaseException) -> str:
    """Return the last frames of hepareg in an error's traceback and its text, in one line."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f"{Path(f.filename).name}:{f.lineno}" for f in frames if "hepareg" in f.filename][-4:]
    return f"{type(error).__name__}: {str(error)[:200]!r} at {' > '.join(own)}"


def _faults_of_line(text: str) -> list[str]:
    if not text.isprintable() or not text or len(text) > MAX_MESSAGE:
        return [f"expected one printable line of at most {MAX_MESSAGE} characters, got {len(text)}: {text[:200]!r}"]
    return []


def _run(mutant: Mutant, path: Path, folder: Path, number: int) -> tuple[bool, list[str], str]:
    """Run the command, look at what it printed and wrote, and empty the file of its stderr."""
    from hepareg.cli.main import main

    commands = commands_of(mutant.kind, str(path), str(folder / "good"), str(folder / "out" / "result"))
    arguments = commands[number % len(commands)]
    try:
        code = main(arguments)
    except BaseException as error:
        return False, [_traceback(error)], ""
    sys.stdout.flush()
    sys.stderr.flush()
    err = (folder / "stderr").read_text("utf-8", "replace")
    out = (folder / "stdout").read_text("utf-8", "replace")
    (folder / "stderr").write_text("")
    return code == 0, _faults_of_run(arguments, code, err, out, folder), err


def _faults_of_run(arguments: list[str], code: int, err: str, out: str, folder: Path) -> list[str]:
    faults = []
    shown = f"hepareg {' '.join(arguments)}".replace(str(folder), "FOLDER")
    if code not in EXIT_CODES.get(arguments[0], (0, 2)):
        faults.append(f"exit code {code} of {shown}: {err[-300:]}")
    errors = [line for line in err.splitlines() if line.startswith("hepareg: error: ")]
    others = [line for line in err.splitlines() if not line.startswith("hepareg: ")]
    if "Traceback" in err + out or "internal error" in err:
        faults.append(f"an internal error of {shown}: {err[-300:]}")
    if code == 2 and arguments[0] != "info" and (len(errors) != 1 or err.count("\n") != 1 or others):
        faults.append(f"expected one line on stderr of {shown}, got {err[:300]!r}")
    if errors:
        faults += _faults_of_line(errors[0].replace(str(folder), "FOLDER")[: MAX_MESSAGE - 1])
    written = files_of(folder / "out")
    if code == 2 and written:
        faults.append(f"{shown} left {sorted(written)[:3]}")
    wants_output = "-o" in arguments and code in (0, 3)
    if wants_output and not written:
        faults.append(f"{shown} wrote nothing")
    if any(Path(name).name.startswith((".", "tmp")) for name in written):
        faults.append(f"{shown} left a temporary output {sorted(written)[:5]}")
    return faults


@contextmanager
def _temporary_folder(folder: Path) -> Iterator[None]:
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    kept = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
        os.environ.pop("TMPDIR")
        if kept is not None:
            os.environ["TMPDIR"] = kept


@contextmanager
def _captured(folder: Path) -> Iterator[None]:
    """Send both output streams of the process, also those of C libraries, into files."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(n) for n in (1, 2)]
    for n, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, n)
        os.close(file)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for n, handle in zip((1, 2), kept, strict=True):
            os.dup2(handle, n)
            os.close(handle)


def _peak_bytes(*, reset: bool = False) -> int:
    """Return the most memory that the process has had since it was last reset (Linux), in bytes."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))
