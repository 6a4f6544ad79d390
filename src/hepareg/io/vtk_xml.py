"""The number arrays of VTK's XML files: text, base64 or raw bytes, in place or appended, plain or compressed.

Small readers of other libraries drop the field that states the space; VTK itself weighs half a gigabyte.

References
----------
VTK XML file formats, https://docs.vtk.org/en/latest/vtk_file_formats/vtkxml_file_format.html
"""

import base64
import binascii
import lzma
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepareg.errors import FileFormatError
from hepareg.io.byte_stream import quoted
from hepareg.io.point_space import named_space

__all__ = ["NumberArray", "find_arrays", "format_array", "space_of_fields", "with_space_field"]

TYPES = {"Float32": "f4", "Float64": "f8", "Int8": "i1", "UInt8": "u1", "String": "u1", "Char": "u1"}
ATTRIBUTE = re.compile(rb"""([\w:]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
ARRAY = re.compile(rb"<(DataArray|Array)\b([^>]*?)(?:/>|>(.*?)</\1>)", re.DOTALL)
POINTS = re.compile(rb"<Points\b[^>]*>(.*?)</Points>", re.DOTALL)
ATTRIBUTES_WITH_NORMALS = re.compile(rb"""<(PointData|CellData)\b([^>]*\bNormals\s*=[^>]*[^/])>(.*?)</\1>""", re.DOTALL)
FIELDS = re.compile(rb"<FieldData\b[^>]*(?<!/)>(.*?)</FieldData>", re.DOTALL)
APPENDED = re.compile(rb"<AppendedData\b([^>]*)>\s*_")
DATASET = re.compile(rb"<(PolyData|UnstructuredGrid|StructuredGrid)\b[^>]*>")
DECOMPRESSORS = {"vtkZLibDataCompressor": "zlib", "vtkLZMADataCompressor": "lzma"}


@dataclass(frozen=True, eq=False)
class NumberArray:
    """Numbers in a file: their position, their values, and the encoding of numbers that replace them.

    Parameters
    ----------
    start, stop
        Range of the file's bytes.
    values
        (N, 3) float64.
    encoded
        Returns the bytes of other values.
    """

    start: int
    stop: int
    values: NDArray[np.float64]
    encoded: Callable[[ArrayLike], bytes]


@dataclass(frozen=True)
class _Storage:
    """Storage of a file's arrays: byte order, length of a count, compressor, and start of the appended data."""

    order: str
    count: np.dtype
    compressor: str
    appended: int | None
    appended_is_base64: bool


def find_arrays(raw: bytes, path: str | Path) -> tuple[list[NumberArray], list[NumberArray]]:
    """Return the arrays of points and the arrays of normals of an XML file; written again they become text.

    Raises
    ------
    FileFormatError
        If the file is no VTK XML file or is compressed in another way than zlib and LZMA.
    ValueError
        If the data are damaged.
    """
    storage = _storage_of(raw, path)
    head = raw[: storage.appended] if storage.appended is not None else raw
    points, normals = [], []
    for section in POINTS.finditer(head):
        points += [_array(raw, found, storage) for found in ARRAY.finditer(head, *section.span(1))]
    for section in ATTRIBUTES_WITH_NORMALS.finditer(head):
        name = _attributes(section[2])["Normals"]
        named = [m for m in ARRAY.finditer(head, *section.span(3)) if _attributes(m[2]).get("Name") == name]
        normals += [_array(raw, found, storage) for found in named]
    return points, normals


def space_of_fields(raw: bytes, path: str | Path) -> str | None:
    """Return ``ras`` or ``lps`` as the field ``SPACE`` says it, or None if there is no such field.

    Raises
    ------
    FileFormatError
        If the field names another space.
    """
    storage = _storage_of(raw, path)
    head = raw[: storage.appended] if storage.appended is not None else raw
    for section in FIELDS.finditer(head):
        for found in ARRAY.finditer(head, *section.span(1)):
            attributes = _attributes(found[2])
            if attributes.get("Name", "").upper() == "SPACE":
                codes = _numbers(raw, found, attributes, storage, np.dtype("u1"))
                if not ((codes >= 0) & (codes < 256)).all():
                    raise ValueError
                text = bytes(codes.astype(np.uint8))
                return named_space(text.split(b"\0")[0].decode("ascii", "replace"), path)
    return None


def with_space_field(raw: bytes, space: str) -> bytes:
    """Return the file with a field ``SPACE`` in it, as 3D Slicer writes it."""
    codes = " ".join(str(code) for code in [*space.upper().encode(), 0])
    array = f'<Array type="String" Name="SPACE" NumberOfTuples="1" format="ascii">{codes}</Array>'.encode()
    found = re.search(rb"<FieldData\b[^>]*(?<!/)>", raw)
    if found is not None:
        return raw[: found.end()] + array + raw[found.end() :]
    end = DATASET.search(raw)
    place = len(raw) if end is None else end.end()
    return raw[:place] + b"<FieldData>" + array + b"</FieldData>" + raw[place:]


def format_array(values: ArrayLike, dtype: np.dtype) -> bytes:
    """Return (N, 3) numbers as lines of text with as many digits as ``dtype`` holds."""
    digits = 9 if dtype.itemsize == 4 else 17
    return "\n".join(" ".join(f"{x + 0.0:.{digits}g}" for x in row) for row in np.asarray(values).tolist()).encode()


def _storage_of(raw: bytes, path: str | Path) -> _Storage:
    root = re.search(rb"<VTKFile\b([^>]*)>", raw[:4096])
    if root is None:
        raise FileFormatError(f"expected a VTK mesh, got another file: {path}")
    attributes = _attributes(root[1])
    compressor = attributes.get("compressor", "")
    if compressor and compressor not in DECOMPRESSORS:
        raise FileFormatError(
            f"expected a VTK file without compression, or with zlib or LZMA, got {quoted(compressor)}: {path}; "
            "save it again so"
        )
    order = "<" if attributes.get("byte_order", "LittleEndian") == "LittleEndian" else ">"
    count = np.dtype(order + ("u8" if attributes.get("header_type") == "UInt64" else "u4"))
    appended = APPENDED.search(raw)
    is_base64 = appended is not None and _attributes(appended[1]).get("encoding") == "base64"
    return _Storage(
        order, count, DECOMPRESSORS.get(compressor, ""), None if appended is None else appended.end(), is_base64
    )


def _attributes(text: bytes) -> dict[str, str]:
    return {a.decode(): (b or c).decode("utf-8", "replace") for a, b, c in ATTRIBUTE.findall(text)}


def _array(raw: bytes, found: re.Match[bytes], storage: _Storage) -> NumberArray:
    attributes = _attributes(found[2])
    if attributes["type"] not in ("Float32", "Float64") or attributes.get("NumberOfComponents") != "3":
        raise ValueError
    dtype = np.dtype(storage.order + TYPES[attributes["type"]])
    values = _numbers(raw, found, attributes, storage, dtype).astype(np.float64).reshape(-1, 3)
    name, kind = attributes.get("Name", "Points"), attributes["type"]
    tag = f'<DataArray type="{kind}" Name="{name}" NumberOfComponents="3" format="ascii">\n'.encode()

    def as_text(new: ArrayLike) -> bytes:
        return tag + format_array(new, dtype) + b"\n</DataArray>"

    return NumberArray(found.start(), found.end(), values, as_text)


def _numbers(
    raw: bytes, found: re.Match[bytes], attributes: dict[str, str], storage: _Storage, dtype: np.dtype
) -> NDArray:
    """Return the numbers of an array element, wherever the file keeps them."""
    if attributes.get("format") == "appended":
        if storage.appended is None:
            raise ValueError
        start = storage.appended + int(attributes["offset"])
        return np.frombuffer(_unpacked(raw, start, storage, is_base64=storage.appended_is_base64), dtype)
    text = re.sub(rb"<(\w+).*?</\1>", b"", found[3] or b"", flags=re.DOTALL)  # VTK's own notes within an array
    if attributes.get("format") == "binary":
        return np.frombuffer(_unpacked(b"".join(text.split()), 0, storage, is_base64=True), dtype)
    return np.array(text.split(), dtype=np.float64)


def _unpacked(raw: bytes, start: int, storage: _Storage, *, is_base64: bool) -> bytes:
    """Return the bytes of one array; a count of bytes, or the sizes of compressed blocks, stand before them."""
    width = storage.count.itemsize
    if not storage.compressor:
        if is_base64:
            size = int(np.frombuffer(_decoded(raw, start, width), storage.count)[0])
            return _decoded(raw, start, width + size)[width:]
        size = int(np.frombuffer(raw, storage.count, 1, start)[0])
        return _part(raw, start + width, size)
    first = _decoded(raw, start, 3 * width) if is_base64 else _part(raw, start, 3 * width)
    num_blocks, block, last = (int(n) for n in np.frombuffer(first, storage.count))
    header = (3 + num_blocks) * width
    packed = _decoded(raw, start, header) if is_base64 else _part(raw, start, header)
    sizes = [int(n) for n in np.frombuffer(packed, storage.count)[3:]]
    start += 4 * -(-header // 3) if is_base64 else header
    data = _decoded(raw, start, sum(sizes)) if is_base64 else _part(raw, start, sum(sizes))
    pieces, place = [], 0
    for n, size in enumerate(sizes):
        wanted = last if last and n == num_blocks - 1 else block
        pieces.append(_decompressed(data[place : place + size], storage.compressor, wanted))
        place += size
    return b"".join(pieces)


def _decompressed(data: bytes, compressor: str, size: int) -> bytes:
    try:
        if compressor == "zlib":
            piece = zlib.decompressobj().decompress(data, size)
        else:
            piece = lzma.LZMADecompressor().decompress(data, size)
    except (zlib.error, lzma.LZMAError) as error:
        raise ValueError from error
    if len(piece) != size:
        raise ValueError
    return piece


def _decoded(raw: bytes, start: int, size: int) -> bytes:
    """Return ``size`` bytes of base64 text that begins at ``start``."""
    try:
        data = base64.b64decode(_part(raw, start, 4 * -(-size // 3)))
    except binascii.Error as error:
        raise ValueError from error
    if len(data) < size:
        raise ValueError
    return data[:size]


def _part(raw: bytes, start: int, size: int) -> bytes:
    if size < 0 or start + size > len(raw):
        raise ValueError
    return raw[start : start + size]
