"""The text headers of NRRD and MetaImage: checks that ITK omits before it takes memory, or does not report.

References
----------
NRRD format, https://teem.sourceforge.net/nrrd/format.html
"""

import bz2
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from hepareg.errors import FileFormatError, ImageError
from hepareg.io.byte_stream import CHUNK_BYTES, GZIP_MAGIC, is_file, quoted, reading
from hepareg.io.image_limits import check_stored_bytes

__all__ = ["ItkHeader", "check_itk_header", "read_itk_header", "unpacked_voxels"]

MAX_HEADER_BYTES = 1 << 20
MAX_AXES = 8
MAX_DATA_FILES = 10_000
MAX_LINE, MAX_NAME = 1024, 200
"""Characters of a line, and of a field's name: ITK's parsers write longer ones past the end of their memory."""
MAX_LISTED = 5
"""Number of missing files that an error lists."""
NRRD_TYPES = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "uint64", "uint64_t"), "u8"),
    "float": "f4",
    "double": "f8",
}
META_TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_LONG": "i4", "MET_ULONG": "u4", "MET_FLOAT": "f4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8",
    "MET_DOUBLE": "f8",
}  # fmt: skip
"""NumPy's types without a byte order; a long has four bytes in MetaImage."""
ENCODINGS = {"raw": "raw", "gz": "gzip", "gzip": "gzip", "bz2": "bzip2", "bzip2": "bzip2"}
NRRD_SPACES = (
    "right-anterior-superior", "left-anterior-superior", "left-posterior-superior", "ras", "las", "lps",
)  # fmt: skip
"""Spaces that the format defines by the patient's sides."""
PATTERN = re.compile(r"[^%]*%(?:0?\d{1,2})?[di][^%]*")
"""Name of the files of an image's slices, with a place for the slice's number."""
MILLIMETRES = ("", "mm", "millimeter", "millimeters", "millimetre", "millimetres", "?")


@dataclass(frozen=True)
class ItkHeader:
    """Statement of the header of an NRRD or MetaImage file about its voxels.

    Parameters
    ----------
    sizes
        Number of voxels along each axis, of vector components too.
    dtype
        Type of a number, bytes if the type is not known here.
    encoding
        ``raw``, ``gzip``, ``bzip2``, or another word that ITK has to know.
    units
        Words on the unit of length.
    data_files
        Names of the files with the voxels; empty if they follow the header.
    num_bytes
        Length of the header.
    space
        Space of a NRRD file as its header names it, or None.
    """

    sizes: tuple[int, ...]
    dtype: np.dtype
    encoding: str
    units: tuple[str, ...]
    data_files: tuple[str, ...]
    num_bytes: int
    space: str | None = None


def read_itk_header(path: str | Path) -> ItkHeader:
    """Read the header of a NRRD or MetaImage file; ITK ends the process on some that are damaged.

    Raises
    ------
    FileFormatError
        If the file cannot be opened, or its header is damaged.
    """
    with reading(path, expected="an NRRD or MetaImage file"), open(path, "rb") as file:
        start = file.read(MAX_HEADER_BYTES)
    try:
        header = _nrrd(start) if start.startswith(b"NRRD") else _meta(start)
        if not 1 <= len(header.sizes) <= MAX_AXES or min(header.sizes) < 1:
            raise ValueError
    except (KeyError, ValueError, IndexError, OverflowError) as error:
        raise FileFormatError(
            f"expected an NRRD or MetaImage file, got one whose header is damaged: {path}; copy or export it again"
        ) from error
    return header


def check_itk_header(header: ItkHeader, path: str | Path) -> None:
    """Check unit, files and size of an image before ITK reads its voxels.

    Raises
    ------
    FileFormatError
        If a file with the voxels is missing, or too short for them.
    ImageError
        If the unit of length is not the millimetre, or the space is not one of a patient.
    """
    wrong = [unit for unit in header.units if unit.lower() not in MILLIMETRES]
    if wrong:
        raise ImageError(
            f"expected millimetres as the unit of length, got {quoted(wrong[0])}; correct the header's spacing"
        )
    folder = Path(path).parent
    if header.space is not None and header.space.lower().removesuffix("-time") not in NRRD_SPACES:
        raise ImageError(
            f"expected a space of a patient in the NRRD header, got {quoted(header.space)}: left and right cannot be "
            "told apart; export the image again"
        )
    missing = [name for name in header.data_files if not is_file(folder / name)]
    if missing:
        raise FileFormatError(
            f"expected the files with the voxels beside the header that names them, got {len(missing)} of "
            f"{len(header.data_files)} missing: {path}; copy them there",
            listing="\n".join(missing[:MAX_LISTED]),
        )
    if header.data_files:
        available = sum((folder / name).stat().st_size for name in header.data_files)
    else:
        available = Path(path).stat().st_size - header.num_bytes
    if header.encoding in ("raw", "gzip", "bzip2"):
        check_stored_bytes(header.sizes, header.dtype.itemsize, available=available, encoding=header.encoding)


def _nrrd(start: bytes) -> ItkHeader:
    end = re.search(rb"\r?\n\r?\n", start)
    text = start[: end.start()] if end is not None else start.rstrip()
    lines = text.decode("utf-8", "replace").splitlines()
    if any(len(line) > MAX_LINE and not line.startswith("#") and ":=" not in line[:MAX_NAME] for line in lines):
        raise ValueError
    fields: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon and not line.startswith("#") and not value.startswith("="):
            fields.setdefault(name.strip().lower(), value.strip())
    data_file = fields.get("data file", fields.get("datafile", ""))
    after = lines[next((n for n, line in enumerate(lines) if re.match(r"data ?file:", line)), len(lines)) + 1 :]
    return ItkHeader(
        sizes=tuple(int(n) for n in fields["sizes"].split()),
        dtype=np.dtype(NRRD_TYPES.get(fields["type"].lower(), "u1")).newbyteorder(
            ">" if fields.get("endian", "little").lower() == "big" else "<"
        ),
        encoding=ENCODINGS.get(fields.get("encoding", "raw").lower(), fields.get("encoding", "")),
        units=tuple(re.findall(r'"([^"]*)"', fields.get("space units", "") + fields.get("units", ""))),
        data_files=_listed(data_file, after),
        num_bytes=end.end() if end is not None else len(text),
        space=fields.get("space"),
    )


def _meta(start: bytes) -> ItkHeader:
    end = re.search(rb"^ElementDataFile\s*=\s*([^\r\n]*)\r?\n?", start, re.MULTILINE)
    if end is None:
        raise ValueError
    fields = _meta_fields(start[: end.start()].decode("utf-8", "replace"))
    num_axes = int(fields["NDims"])
    name = end[1].decode("utf-8", "replace").strip()
    after = start[end.end() :].decode("utf-8", "replace").splitlines()
    channels = [n for n in (fields.get("ElementNumberOfChannels", "1"),) if n != "1"]
    order = fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", "False"))
    is_big = order.lower() in ("true", "1")
    sizes = fields["DimSize"].split()
    if len(sizes) != num_axes:
        raise ValueError
    return ItkHeader(
        sizes=tuple(int(n) for n in [*sizes, *channels]),
        dtype=np.dtype(META_TYPES.get(fields["ElementType"], "u1")).newbyteorder(">" if is_big else "<"),
        encoding=_meta_encoding(fields),
        units=(fields.get("DistanceUnits", ""),),
        data_files=() if name.upper() == "LOCAL" else _listed(name, after),
        num_bytes=end.end(),
    )


def _meta_encoding(fields: Mapping[str, str]) -> str:
    if fields.get("BinaryData", "True").lower() in ("false", "0"):
        return "ascii"
    return "gzip" if fields.get("CompressedData", "False").lower() == "true" else "raw"


def _meta_fields(text: str) -> Mapping[str, str]:
    pairs = [line.partition("=") for line in text.splitlines()]
    if any(len(name) > MAX_NAME or len(value) > MAX_LINE for name, _, value in pairs):
        raise ValueError
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def _listed(name: str, following: list[str]) -> tuple[str, ...]:
    """Return the names of a data file, of a list of them, or of a pattern with its first and last number."""
    words = name.split()
    if not words:
        return ()
    if words[0].upper() == "LIST":
        names = tuple(line.strip() for line in following if line.strip())
        if len(names) > MAX_DATA_FILES:
            raise ValueError
        return names
    if "%" in name and len(words) >= 3:
        first, last = int(words[1]), int(words[2])
        step = int(words[3]) if len(words) > 3 else 1
        numbers = range(first, last + 1, step)
        if not PATTERN.fullmatch(words[0]) or step < 1 or len(numbers) > MAX_DATA_FILES:
            raise ValueError
        return tuple(words[0] % n for n in numbers)
    return (name,)


def unpacked_voxels(header: ItkHeader, path: str | Path) -> NDArray[Any]:
    """Return the numbers of a compressed image as they are stored, first axis fastest.

    ITK does not know bzip2, and takes a damaged compressed MetaImage for a whole one.

    Raises
    ------
    FileFormatError
        If the data are truncated, damaged, or longer than the header says.
    """
    place = Path(path).parent / header.data_files[0] if header.data_files else Path(path)
    size = math.prod(header.sizes) * header.dtype.itemsize
    voxels, filled = bytearray(size), 0
    with reading(path, expected="an NRRD or MetaImage file"), open(place, "rb") as file:
        file.seek(0 if header.data_files else header.num_bytes)
        for piece in _unpacked_pieces(file, header.encoding):
            if filled + len(piece) > size:
                raise FileFormatError(f"expected {size} bytes of voxels, as the header says, got more: {path}")
            voxels[filled : filled + len(piece)] = piece
            filled += len(piece)
        if filled < size:
            raise EOFError
    return np.frombuffer(voxels, header.dtype)


def _unpacked_pieces(file: BufferedReader, encoding: str) -> Iterator[bytes]:
    """Yield the content of a compressed stream, in pieces of at most `CHUNK_BYTES`, to its checked end."""
    is_bzip2 = encoding == "bzip2"
    is_gzip = file.peek(2)[:2] == GZIP_MAGIC  # else zlib's own wrapper, as MetaImage has it
    unpacker: Any = bz2.BZ2Decompressor() if is_bzip2 else isal_zlib.decompressobj(31 if is_gzip else 15)
    while not unpacker.eof:
        packed = file.read(CHUNK_BYTES)
        if not packed:
            raise EOFError
        yield unpacker.decompress(packed, CHUNK_BYTES)
        while not unpacker.eof and (not unpacker.needs_input if is_bzip2 else unpacker.unconsumed_tail):
            yield unpacker.decompress(b"" if is_bzip2 else unpacker.unconsumed_tail, CHUNK_BYTES)
