"""VTK's meshes: legacy files (.vtk) and XML files (.vtp, .vtu), whose points and normals are replaced in place.

All else of a file, its cells and attributes, is kept byte for byte. The space is stated as 3D Slicer writes it: in the
second line of a legacy file, in the field ``SPACE`` of an XML file.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepareg.arrays import Matrix, Points
from hepareg.errors import FileFormatError
from hepareg.geometry.grid import apply_matrix
from hepareg.geometry.rotations import nearest_rotation
from hepareg.io.byte_stream import reading
from hepareg.io.point_space import mark_of, stated_space
from hepareg.io.vtk_xml import NumberArray, find_arrays, format_array, space_of_fields, with_space_field

__all__ = ["VTK_SUFFIXES", "VtkMesh", "read_vtk_mesh"]

VTK_SUFFIXES = (".vtk", ".vtp", ".vtu")
LEGACY_HEADER = re.compile(rb"# vtk DataFile Version [^\n]*\n([^\n]*)\n[ \t]*(ASCII|BINARY)[ \t]*\r?\n", re.IGNORECASE)
LEGACY_POINTS = re.compile(rb"^[ \t]*POINTS[ \t]+(\d+)[ \t]+(float|double)[ \t]*\r?\n", re.IGNORECASE | re.MULTILINE)
LEGACY_NORMALS = re.compile(rb"^[ \t]*NORMALS[ \t]+\S+[ \t]+(float|double)[ \t]*\r?\n", re.IGNORECASE | re.MULTILINE)
LEGACY_CELLS = re.compile(
    rb"^[ \t]*(?:VERTICES|LINES|POLYGONS|TRIANGLE_STRIPS|CELLS)[ \t]+(\d+)[ \t]+(\d+)[ \t]*\r?\n"
    rb"(?P<offsets>[ \t]*OFFSETS[ \t]+(?P<type>\S+)[ \t]*\r?\n)?",
    re.IGNORECASE | re.MULTILINE,
)
"""Number of cells and of indices; or, from version 5 on, of offsets and of connectivity with their type."""
LEGACY_CONNECTIVITY = re.compile(rb"\s*CONNECTIVITY[ \t]+\S+[ \t]*\r?\n", re.IGNORECASE)
LEGACY_COUNT = re.compile(rb"^[ \t]*(?:POINT|CELL)_DATA[ \t]+(\d+)", re.IGNORECASE | re.MULTILINE)
BIG_ENDIAN: dict[bytes, np.dtype[Any]] = {b"float": np.dtype(">f4"), b"double": np.dtype(">f8")}


@dataclass(frozen=True, eq=False)
class VtkMesh:
    """A VTK file, with the places of its points and normals in it.

    Parameters
    ----------
    raw
        The file's bytes.
    arrays
        Its points first, then its normals, in the order of the file; they do not overlap.
    num_points_arrays
        How many of ``arrays`` hold points.
    stated_space
        ``ras`` or ``lps`` as the file states it, or None.
    is_xml
        Whether it is an XML file.
    """

    raw: bytes
    arrays: tuple[NumberArray, ...]
    num_points_arrays: int
    stated_space: str | None
    is_xml: bool

    @property
    def points(self) -> Points:
        """(N, 3) float64 points in mm of the world that the file is in."""
        return np.concatenate([array.values for array in self.arrays[: self.num_points_arrays]])

    def moved(self, matrix: Matrix) -> bytes:
        """Return the file's bytes with points mapped by a (4, 4) matrix of the file's own world, and normals turned."""
        turn = nearest_rotation(matrix[:3, :3])
        new = [apply_matrix(matrix, array.values) for array in self.arrays[: self.num_points_arrays]]
        new += [array.values @ turn.T for array in self.arrays[self.num_points_arrays :]]
        order = np.argsort([array.start for array in self.arrays])
        pieces, end = [], 0
        for n in order:
            array = self.arrays[n]
            pieces += [self.raw[end : array.start], array.encoded(new[n])]
            end = array.stop
        return b"".join([*pieces, self.raw[end:]])

    def marked(self, raw: bytes, space: str) -> bytes:
        """Return a moved file's bytes with the space stated if the file did not state one."""
        if self.stated_space is not None:
            return raw
        if self.is_xml:
            return with_space_field(raw, space)
        first, _, rest = raw.split(b"\n", 2)
        return b"\n".join([first, f"hepareg. {mark_of(space)}".encode(), rest])


def read_vtk_mesh(path: str | Path) -> VtkMesh:
    """Read a VTK file with points: polygons or an unstructured grid, text or binary, also compressed with zlib or LZMA.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged, or holds no finite points in single or double precision.
    """
    with reading(path, expected="a VTK mesh"):
        raw = Path(path).read_bytes()
    try:
        mesh = _read_legacy(raw, path) if raw.startswith(b"# vtk DataFile") else _read_xml(raw, path)
    except (ValueError, IndexError, KeyError, OverflowError, MemoryError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"expected a VTK mesh, got a damaged file: {path}") from error
    if not mesh.num_points_arrays or not len(mesh.points) or not np.isfinite(mesh.points).all():
        raise FileFormatError(f"expected a VTK mesh with finite points, got none: {path}")
    return mesh


def _read_legacy(raw: bytes, path: str | Path) -> VtkMesh:
    header = LEGACY_HEADER.match(raw)
    if header is None:
        raise FileFormatError(f"expected a VTK mesh, got a damaged file: {path}")
    is_text = header[2].upper() == b"ASCII"
    arrays = []
    points = LEGACY_POINTS.search(raw, header.end())
    if points is not None:
        arrays.append(_legacy_array(raw, points.end(), int(points[1]), points[2], is_text=is_text))
        _check_cells(raw, arrays[0].stop, is_text=is_text)
        for normals in LEGACY_NORMALS.finditer(raw, arrays[0].stop):
            count = list(LEGACY_COUNT.finditer(raw, arrays[0].stop, normals.start()))[-1]
            arrays.append(_legacy_array(raw, normals.end(), int(count[1]), normals[1], is_text=is_text))
    if any(after.start < before.stop for before, after in pairwise(arrays)):
        raise ValueError
    return VtkMesh(raw, tuple(arrays), min(1, len(arrays)), stated_space(header[1], path), is_xml=False)


def _check_cells(raw: bytes, start: int, *, is_text: bool) -> None:
    """Check that the cells which follow the points of a legacy file are complete; ValueError if they are cut off.

    A text that ends inside the note about its points, before any cell, is cut off too.
    """
    cells = LEGACY_CELLS.search(raw, start)
    if cells is None:
        if b"METADATA" in raw[start : start + 32].upper() and not re.search(rb"\n[ \t]*\r?\n", raw[start:]):
            raise ValueError
        return
    while cells is not None:
        first, second, end = int(cells[1]), int(cells[2]), cells.end()
        if cells["offsets"] is None:
            start = _skipped(raw, end, second, 4, is_text=is_text)
        else:
            size = 8 if b"64" in cells["type"] else 4
            end = _skipped(raw, end, first, size, is_text=is_text)
            connectivity = LEGACY_CONNECTIVITY.match(raw, end)
            if connectivity is None:
                raise ValueError
            start = _skipped(raw, connectivity.end(), second, size, is_text=is_text)
        cells = LEGACY_CELLS.search(raw, start)


def _skipped(raw: bytes, start: int, count: int, size: int, *, is_text: bool) -> int:
    """Return the place behind ``count`` whole numbers of ``size`` bytes each; ValueError if the file ends before."""
    if not is_text:
        if start + count * size > len(raw):
            raise ValueError
        return start + count * size
    if 2 * count > len(raw) - start + 1:  # a digit and a space for each number
        raise ValueError
    words = raw[start:].split(None, count)
    if len(words) < count or not all(word.lstrip(b"-").isdigit() for word in words[:count]):
        raise ValueError
    return len(raw) - (len(words[count]) if len(words) > count else 0)


def _legacy_array(raw: bytes, start: int, count: int, kind: bytes, *, is_text: bool) -> NumberArray:
    dtype = BIG_ENDIAN[kind.lower()]
    if not is_text:
        stop = start + 3 * count * dtype.itemsize
        values = np.frombuffer(raw[start:stop], dtype).reshape(count, 3).astype(np.float64)
        return NumberArray(start, stop, values, lambda new: np.asarray(new).astype(dtype).tobytes())
    if 6 * count > len(raw):  # a digit and a space for each number
        raise ValueError
    words = raw[start:].split(None, 3 * count)
    rest = words[3 * count] if len(words) > 3 * count else b""
    values = np.array(words[: 3 * count], dtype=np.float64).reshape(count, 3)

    def as_text(new: ArrayLike) -> bytes:
        return format_array(new, dtype) + b"\n"

    return NumberArray(start, len(raw) - len(rest), values, as_text)


def _read_xml(raw: bytes, path: str | Path) -> VtkMesh:
    points, normals = find_arrays(raw, path)
    found: list[NDArray[np.float64]] = [array.values for array in points]
    if any(values.shape[-1] != 3 for values in found):
        raise ValueError
    return VtkMesh(raw, (*points, *normals), len(points), space_of_fields(raw, path), is_xml=True)
