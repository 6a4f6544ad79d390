"""Plain and gzip-compressed files as streams of bytes, with errors in one line."""

import codecs
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from gzip import BadGzipFile
from pathlib import Path
from typing import BinaryIO, cast

from isal import igzip, isal_zlib

from hepareg.errors import FileFormatError, HeparegError

__all__ = [
    "CHUNK_BYTES",
    "decoded",
    "inner_file",
    "is_file",
    "is_packed",
    "open_bytes",
    "quoted",
    "reading",
    "write_bytes",
]


CHUNK_BYTES = 1 << 22
"""Files pass in pieces of this size: few calls, and no second copy of a volume in memory."""

MAX_QUOTED = 60
GZIP_MAGIC = b"\x1f\x8b"
COMPRESSION_LEVEL = 1
"""igzip's levels 1 to 3 differ by a few per cent in size and by half in time."""


@contextmanager
def reading(path: str | Path, *, expected: str) -> Iterator[None]:
    """Turn errors of the operating system and the decompressor about a file into one line.

    Parameters
    ----------
    path
        File as the user typed it; repeated in the message.
    expected
        The expected content, as in ``"a NIfTI image"``.

    Raises
    ------
    FileFormatError
        If the file is missing, is a folder, cannot be opened, is truncated or is damaged.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise FileFormatError(f"expected {expected}, got a path that does not exist: {path}; check the name") from error
    except IsADirectoryError as error:
        raise FileFormatError(f"expected {expected}, got a folder: {path}; give a file") from error
    except PermissionError as error:
        raise FileFormatError(
            f"expected {expected} that can be read, got no permission to read {path}; change its rights"
        ) from error
    except EOFError as error:
        raise FileFormatError(f"expected {expected}, got a truncated file: {path}; copy or export it again") from error
    except (BadGzipFile, cast(type[Exception], isal_zlib.error)) as error:
        raise FileFormatError(f"expected {expected}, got damaged gzip data: {path}; copy it again") from error
    except UnicodeDecodeError as error:
        raise FileFormatError(f"expected {expected}, got a file that is not text: {path}; check the name") from error
    except OSError as error:
        raise FileFormatError(
            f"expected {expected}, got {error.strerror or 'an error'} on reading {path}; check the disk and the name"
        ) from error


@contextmanager
def inner_file(path: Path, *, shown: str) -> Iterator[None]:
    """Move the name of a file that the user did not type from the text of an error to its ``listing``.

    Tables of failures hold the texts of errors without the paths that the user gave. They know no names of files in a
    folder or of files that another file names, and such a name may be a patient's.

    Parameters
    ----------
    path
        The file that is read.
    shown
        Words in place of its path, as in ``"a file of the folder"``.
    """
    try:
        yield
    except HeparegError as error:
        error.args = (str(error).replace(str(path), shown).replace(path.name, shown),)
        error.listing = error.listing or path.name
        raise


def is_file(path: Path) -> bool:
    """Return whether a path is a file; False for a name that no file can have, as too long a one."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def quoted(text: object) -> str:
    """Return a piece of a file as a message may repeat it: in quotes, short, without characters that steer a terminal.

    Examples
    --------
    >>> quoted("scanner-xyz")
    "'scanner-xyz'"
    """
    shown = repr(text)
    return shown if len(shown) <= MAX_QUOTED else f"{shown[:MAX_QUOTED]}..."


def decoded(raw: bytes) -> str:
    """Return the text of a file: UTF-8, or UTF-16 if a byte order mark says so; the mark is left out.

    Raises
    ------
    UnicodeDecodeError
        If the bytes are no text; `reading` turns it into one line.
    """
    is_utf16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return raw.decode("utf-16" if is_utf16 else "utf-8-sig")


@contextmanager
def open_bytes(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file for reading; gzip is recognised by its first bytes, not by its name."""
    with open(path, "rb") as file:
        if file.peek(2)[:2] != GZIP_MAGIC:
            yield file
            return
        with igzip.open(file, "rb") as stream:
            yield cast(BinaryIO, stream)


def is_packed(stream: BinaryIO) -> bool:
    """Return whether a stream of `open_bytes` takes gzip apart."""
    return isinstance(stream, igzip.IGzipFile)


def write_bytes(path: str | Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Write pieces of bytes to a file, compressed if its name ends in ``.gz``.

    The gzip header holds neither a time stamp nor a file name, and the level is fixed: the same
    bytes in give the same bytes out.
    """
    with open(path, "wb") as file:
        if Path(path).suffix != ".gz":
            file.writelines(pieces)
            return
        with igzip.IGzipFile(filename="", mode="wb", compresslevel=COMPRESSION_LEVEL, fileobj=file, mtime=0) as stream:
            for piece in pieces:
                stream.write(piece)
