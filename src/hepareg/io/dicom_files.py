"""DICOM files wherever they lie: in a folder, gzipped, in a zip archive, with or without their preamble."""

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from zipfile import BadZipFile, ZipFile, is_zipfile

from isal import isal_zlib

from hepareg.errors import FileFormatError
from hepareg.io.byte_stream import GZIP_MAGIC, open_bytes, reading
from hepareg.io.foreign_warnings import pydicom_quiet

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.tag import BaseTag
    from pydicom.uid import UID

__all__ = ["DICOM_MAGIC", "DicomFile", "files_below", "looks_like_dicom", "read_dataset"]

EXPECTED = "a folder of DICOM"
DICOM_MAGIC = b"DICM"
START_BYTES = 132
MAX_UNCHECKED_BYTES, MAX_RATIO = 1 << 28, 100
"""A file may unpack to 256 MB, as a mask of few voxels, and beyond to 100 times its size, as no CT does."""
MAX_BYTES = 1 << 30
"""Largest DICOM file that is unpacked from gzip or zip; an enhanced CT of 2000 slices has half of it."""
DEFLATED, HEAD_BYTES = b"1.2.840.10008.1.2.1.99", 1024
"""Transfer syntax whose data set is compressed, and the bytes within which a file states it."""
DEFLATED_BYTES = 1 << 16
"""Such a data set is looked at in pieces of this size, which unpack to 64 MB at most."""
PIXEL_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
"""Float Pixel Data, Double Float Pixel Data and Pixel Data."""
DIRECTORY_CLASS = "1.2.840.10008.1.3.10"


@dataclass(frozen=True)
class DicomFile:
    """A file on disk, or a member of a zip archive.

    Parameters
    ----------
    path
        The file, or the archive.
    archive, member
        The opened archive and the member's name within it; None for a file.
    """

    path: Path
    archive: ZipFile | None = None
    member: str | None = None

    @property
    def name(self) -> str:
        """Name without folders, for the listing of an error: it may hold a patient's name."""
        return self.path.name if self.member is None else Path(self.member).name

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the bytes for reading; gzipped files are unpacked."""
        if self.archive is None or self.member is None:
            with open_bytes(self.path) as stream:
                yield stream
            return
        with self.archive.open(self.member) as packed:
            if packed.read(2) == GZIP_MAGIC:
                packed.seek(0)
                from isal import igzip

                with igzip.open(cast(Any, packed), "rb") as stream:
                    yield cast(BinaryIO, stream)
                return
            packed.seek(0)
            yield cast(BinaryIO, packed)


def files_below(path: str | Path) -> list[DicomFile]:
    """Return every file of a folder and its subfolders, members of zip archives included, in the order of names.

    Parameters
    ----------
    path
        Folder; zip archive; the index of a disc (DICOMDIR), which stands for its folder; or a single file.

    Raises
    ------
    FileFormatError
        If it is missing or cannot be read, or an archive is damaged or encrypted.
    """
    path = Path(path)
    with reading(path, expected=EXPECTED):
        if path.is_file() and path.name.upper() == "DICOMDIR":
            path = path.parent
        if not path.is_dir():
            with path.open("rb"):  # a missing or forbidden file speaks up here
                pass
            return _members_of(path)
        next(path.iterdir(), None)
        found = sorted(p for p in path.rglob("*") if p.is_file() and p.name.upper() != "DICOMDIR")
        return [file for one in found for file in _members_of(one)]


def _members_of(path: Path) -> list[DicomFile]:
    """Return a file, or the members of the archive that it is."""
    if path.suffix.lower() in (".dcm", ".gz") or not is_zipfile(path):
        return [DicomFile(path)]
    try:
        archive = ZipFile(path)
    except (BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise FileFormatError("expected a zip archive, got a damaged one; copy it again", listing=path.name) from error
    names = sorted(i.filename for i in archive.infolist() if not i.is_dir() and Path(i.filename).name != "DICOMDIR")
    return [DicomFile(path, archive, name) for name in names]


def looks_like_dicom(start: bytes) -> bool:
    """Return whether a file's first 132 bytes are DICOM's: the magic word, or a data set that begins without it."""
    if start[128:132] == DICOM_MAGIC:
        return True
    if len(start) < 8 or start[:2] not in (b"\x02\x00", b"\x08\x00", b"\x00\x02", b"\x00\x08"):
        return False
    if start[4:6].isalpha() and start[4:6].isupper():  # explicit representation of values
        return True
    return start[:2] in (b"\x02\x00", b"\x08\x00") and int.from_bytes(start[4:8], "little") < 1 << 16


def read_dataset(file: DicomFile, *, tags: tuple[str, ...] | None = None, pixels: bool = True) -> "Dataset | None":
    """Read a DICOM file; None if it is something else.

    Parameters
    ----------
    file
        One of `files_below`.
    tags
        Keywords of the attributes that are wanted; None for all of them.
    pixels
        Whether pixels are read.

    Raises
    ------
    FileFormatError
        If it is damaged, or unpacks to more than 1 GiB.
    """
    try:
        with file.open() as stream:
            start = stream.read(START_BYTES)
            if not looks_like_dicom(start):
                return None
            limit = min(MAX_BYTES, max(MAX_UNCHECKED_BYTES, MAX_RATIO * file.path.stat().st_size))
            if isinstance(stream, BufferedReader):  # not packed: the pixels need not be read
                head = start + stream.read(HEAD_BYTES)
                if DEFLATED in head:
                    _check_inflated(head + stream.read(), limit, file.name)
                stream.seek(0)
                return _parsed(cast(BinaryIO, _Bounded(stream)), start, file.name, tags, pixels)
            content = start + stream.read(limit)
    except (BadZipFile, EOFError, zlib.error, cast(type[Exception], isal_zlib.error), RuntimeError) as error:
        raise FileFormatError(
            "expected a DICOM file, got damaged or encrypted data; copy it again, unpacked", listing=file.name
        ) from error
    except OSError as error:
        raise FileFormatError(
            f"expected a DICOM file, got {error.strerror or 'damaged data'} on reading it", listing=file.name
        ) from error
    if len(content) >= limit:
        raise _too_large(limit, file.name)
    if DEFLATED in content[: START_BYTES + HEAD_BYTES]:
        _check_inflated(content, limit, file.name)
    return _parsed(BytesIO(content), start, file.name, tags, pixels)


def _too_large(limit: int, name: str) -> FileFormatError:
    return FileFormatError(
        f"expected a DICOM file that unpacks to less than {limit >> 20} MiB, got more; unpack it if it is whole",
        listing=name,
    )


def _check_inflated(content: bytes, limit: int, name: str) -> None:
    """Check that a file in the deflated syntax, which pydicom inflates at once, unpacks to less than a limit."""
    unpacker, place = zlib.decompressobj(-zlib.MAX_WBITS), 144 + int.from_bytes(content[140:144], "little")
    with suppress(zlib.error):  # damaged, which pydicom finds too; or another file with this syntax in its text
        unpacked = 0
        for begin in range(place, len(content), DEFLATED_BYTES):
            unpacked += len(unpacker.decompress(content[begin : begin + DEFLATED_BYTES]))
            if unpacked >= limit:
                raise _too_large(limit, name)


class _Bounded:
    """A file from which no more is read than there is: pydicom asks for as many bytes as a damaged length says."""

    def __init__(self, stream: BufferedReader) -> None:
        self._stream, self._size = stream, os.fstat(stream.fileno()).st_size
        self.seek, self.tell, self.name = stream.seek, stream.tell, stream.name

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes."""
        is_long = size is not None and size > START_BYTES
        return self._stream.read(min(size or 0, self._size) if is_long else size)


def _parsed(stream: BinaryIO, start: bytes, name: str, tags: tuple[str, ...] | None, pixels: bool) -> "Dataset | None":
    from pydicom.filereader import read_partial
    from pydicom.tag import Tag

    has_magic = start[128:132] == DICOM_MAGIC
    wanted: list[BaseTag | int] | None = None if tags is None else [Tag(tag) for tag in tags]
    with pydicom_quiet():
        try:
            dataset = read_partial(stream, _ends(pixels), specific_tags=wanted, force=True)
            if not has_magic and "SOPClassUID" not in dataset and "SeriesInstanceUID" not in dataset:
                return None
            if dataset.file_meta.get("MediaStorageSOPClassUID") == DIRECTORY_CLASS:
                return None
            if not dataset.file_meta.get("TransferSyntaxUID"):
                dataset.file_meta.TransferSyntaxUID = _syntax_of(dataset)
            if not dataset.file_meta.TransferSyntaxUID.is_valid:
                raise ValueError
            return dataset
        except Exception as error:  # whatever a damaged file leads pydicom to
            if not has_magic:
                return None
            raise FileFormatError("expected a DICOM file, got a damaged one; copy it again", listing=name) from error


def _ends(pixels: bool) -> "Callable[[BaseTag, str | None, int], bool]":
    """Return whether an element is the first one that is not read: pixels that are not wanted, or padding with zeros.

    Zeros after a data set would be read as elements of group 0, which files do not have, of 8 bytes each: millions of
    them in a file that is unpacked from a small one.
    """

    def ends(tag: "BaseTag", representation: str | None, length: int) -> bool:
        return tag.group == 0 or (not pixels and tag in PIXEL_TAGS)

    return ends


def _syntax_of(dataset: "Dataset") -> "UID":
    """Return the transfer syntax in which a data set without one was found to be written."""
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    is_implicit, is_little = dataset.original_encoding
    if not is_little:
        return ExplicitVRBigEndian
    return ImplicitVRLittleEndian if is_implicit else ExplicitVRLittleEndian
