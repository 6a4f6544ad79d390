"""Outputs that appear whole or not at all: they are written under a temporary name and renamed at the end."""

import errno
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from hepareg.errors import OutputError

__all__ = ["atomic_directory", "atomic_file", "check_output_directory", "check_output_file", "check_replaceable"]


def check_output_directory(
    out: str | Path,
    *,
    overwrite: bool = False,
    otherwise: str = "allow to overwrite it",
    option: str = "overwrite",
) -> Path:
    """Return the absolute path of a result folder that can be created; call this before any work starts.

    Parameters
    ----------
    out
        Path of the future folder.
    overwrite
        Whether the folder may exist and hold files.
    otherwise, option
        The remedy that the error names for a folder with files, and the setting that the remedy needs.

    Raises
    ------
    OutputError
        If ``out`` is a file, a folder that is not empty (without ``overwrite``), or cannot be written or replaced.
    """
    out = Path(out).absolute()
    if out.exists() and not out.is_dir():
        raise OutputError(f"expected a folder for the output, got an existing file: {out.name}; choose another name")
    if out.is_dir() and any(out.iterdir()) and not overwrite:
        raise OutputError(
            f"expected an empty or a new folder for the output, got one with files: {out.name}; "
            f"choose another name, empty it, or {otherwise}",
            options=(option,),
        )
    if out.is_dir() and not os.access(out, os.W_OK | os.X_OK):
        raise OutputError(
            f"expected a folder whose older result can be replaced, got one without write permission: {out.name}; "
            "choose another folder, or change its permissions"
        )
    _check_parent(out)
    return out


def check_output_file(out: str | Path, *, overwrite: bool = False) -> Path:
    """Return the absolute path of a result file that can be created; call this before any work starts.

    Raises
    ------
    OutputError
        If ``out`` exists (without ``overwrite``) or cannot be written.
    """
    out = Path(out).absolute()
    if out.is_dir():
        raise OutputError(f"expected a file name for the output, got an existing folder: {out.name}")
    if out.exists() and not overwrite:
        raise OutputError(
            f"expected a new file name for the output, got an existing file: {out.name}; "
            "choose another name, or allow to overwrite it",
            options=("overwrite",),
        )
    _check_parent(out)
    return out


def check_replaceable(
    out: str | Path, *, own: Collection[str], inputs: Collection[Path] = (), sign: str | None = None
) -> None:
    """Check that a folder about to be replaced holds an older result and nothing else.

    Parameters
    ----------
    out
        Folder that would be replaced as a whole. An absent folder passes.
    own
        Names of a result's files and folders, or patterns of names such as ``pair_*``.
    inputs
        Files and folders that the run reads.
    sign
        Name of a file that every result has, in the folder or in the folders inside it. A folder without that file is
        not a result.

    Raises
    ------
    OutputError
        If the folder has other files, lacks ``sign``, or contains an input.
    """
    out = Path(out).absolute()
    if not out.is_dir():
        return
    foreign = sorted(entry.name for entry in out.iterdir() if not any(fnmatchcase(entry.name, name) for name in own))
    if foreign:
        raise OutputError(
            f"expected an older result to replace, got a folder that holds other files as well: {out.name}; "
            "choose another folder"
        )
    if sign and any(out.iterdir()) and not (any(out.glob(sign)) or any(out.glob(f"*/{sign}"))):
        raise OutputError(
            f"expected an older result to replace, got a folder without {sign}: {out.name}; choose another folder"
        )
    place = out.resolve()
    if any(place in (path.resolve(), *path.resolve().parents) for path in inputs):
        raise OutputError(
            f"expected an output folder without the inputs, got one that holds an input: {out.name}; "
            "choose another folder"
        )


@contextmanager
def atomic_directory(out: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Return a context with a temporary folder beside ``out``: renamed to ``out`` at the end, or removed on an error.

    With ``overwrite`` an existing folder is replaced as a whole, so that files of different runs are never mixed.
    """
    out = check_output_directory(out, overwrite=overwrite)
    with _reported_as_output_error():
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        with _reported_as_output_error():
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            if out.exists():
                old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
                os.replace(out, old)
                os.replace(temporary, out)
                shutil.rmtree(old, ignore_errors=True)  # the new result is in its place: no error from here on
            else:
                os.replace(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def atomic_file(out: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Return a context with a temporary file beside ``out``: renamed to ``out`` at the end, or removed on an error.

    The temporary name has the suffixes of ``out``.
    """
    out = check_output_file(out, overwrite=overwrite)
    with _reported_as_output_error():
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        with _reported_as_output_error():
            yield folder / out.name
            os.replace(folder / out.name, out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_parent(out: Path) -> None:
    parent = out.parent
    while not parent.exists():
        parent = parent.parent
    try:
        os.rmdir(tempfile.mkdtemp(prefix=f".{out.name}.", dir=parent))  # file permissions are not the only obstacle
    except OSError as error:
        raise OutputError(
            f"expected a place for the output that can be written, got {out.name} in a folder that cannot "
            f"({error.strerror}); choose another folder"
        ) from error


@contextmanager
def _reported_as_output_error() -> Iterator[None]:
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutputError("the disk is full: nothing was written; free some space and run again") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise OutputError("the output cannot be written: permission denied; choose another folder") from error
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
