"""Landmarks: tables of points as CSV (x,y,z, with or without a name) and as 3D Slicer's .fcsv."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from hepareg.arrays import Points
from hepareg.errors import FileFormatError, SettingsError
from hepareg.io.byte_stream import reading

__all__ = ["LANDMARK_SUFFIXES", "Landmarks", "read_landmarks", "write_landmarks"]

LANDMARK_SUFFIXES = (".csv", ".fcsv")
LPS_FROM_RAS = np.array([-1.0, -1.0, 1.0])
FCSV_SPACES = {"0": "ras", "RAS": "ras", "1": "lps", "LPS": "lps"}
FCSV_COLUMNS = ("id", "x", "y", "z", "ow", "ox", "oy", "oz", "vis", "sel", "lock", "label", "desc", "associatedNodeID")


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Points with the table that they came in, so that its other columns survive.

    Parameters
    ----------
    points
        (N, 3) float64, world RAS mm.
    columns
        Names of the table's columns, among them x, y and z.
    rows
        Text of each row; that of x, y and z is replaced on writing.
    """

    points: Points
    columns: tuple[str, ...] = ("x", "y", "z")
    rows: tuple[tuple[str, ...], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the points: the column name or label, else their numbers from 1."""
        for column in ("name", "label"):
            if column in self.columns:
                return tuple(row[self.columns.index(column)] for row in self.rows)
        return tuple(str(n + 1) for n in range(len(self.points)))

    def with_points(self, points: ArrayLike) -> "Landmarks":
        """Return the same table with the points elsewhere."""
        return replace(self, points=np.asarray(points, dtype=np.float64))


def read_landmarks(path: str | Path, *, space: str = "ras") -> Landmarks:
    """Read points from a .csv with a header line that names x, y and z, or from Slicer's .fcsv.

    Parameters
    ----------
    path
        Text file in UTF-8.
    space
        World of a .csv: ``ras`` or ``lps``. An .fcsv states its own.

    Raises
    ------
    FileFormatError
        If there are no columns x, y and z, no rows, or a coordinate that is no finite number.
    """
    if space not in ("ras", "lps"):
        raise SettingsError(f"expected ras or lps as the space of landmarks, got {space!r}")
    with reading(path, expected="a table of landmarks"):
        lines = Path(path).read_text("utf-8-sig").splitlines()
    if Path(path).suffix.lower() == ".fcsv":
        space, columns = _fcsv_header(lines, path)
        lines = [line for line in lines if line.strip() and not line.startswith("#")]
    else:
        lines = [line for line in lines if line.strip()]
        columns = tuple(word.strip() for word in next(csv.reader(lines[:1]), []))
        lines = lines[1:]
    rows = tuple(tuple(row) for row in csv.reader(lines))
    points = _points_of(columns, rows, path)
    return Landmarks(points * (LPS_FROM_RAS if space == "lps" else 1.0), columns, rows)


def write_landmarks(path: str | Path, landmarks: Landmarks, *, space: str = "ras") -> None:
    """Write the table with its points replaced; the suffix decides between .csv and .fcsv (always in LPS)."""
    if Path(path).suffix.lower() == ".fcsv":
        _write_fcsv(path, landmarks)
        return
    points = landmarks.points * (LPS_FROM_RAS if space == "lps" else 1.0)
    rows = landmarks.rows or [("",) * len(landmarks.columns)] * len(points)
    table = [list(row) for row in rows]
    for row, point in zip(table, points, strict=True):
        for name, value in zip("xyz", point, strict=True):
            row[_index(landmarks.columns, name)] = f"{value:.17g}"
    Path(path).write_text(_as_csv([landmarks.columns, *table]), "utf-8")


def _write_fcsv(path: str | Path, landmarks: Landmarks) -> None:
    rows = [
        (n, *(f"{v:.17g}" for v in point), 0, 0, 0, 1, 1, 1, 0, name, "", "")
        for n, (point, name) in enumerate(zip(landmarks.points * LPS_FROM_RAS, landmarks.names, strict=True), start=1)
    ]
    header = f"# Markups fiducial file version = 5.0\n# CoordinateSystem = LPS\n# columns = {','.join(FCSV_COLUMNS)}\n"
    Path(path).write_text(header + _as_csv(rows), "utf-8")


def _as_csv(rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _fcsv_header(lines: list[str], path: str | Path) -> tuple[str, tuple[str, ...]]:
    stated = {}
    for line in lines:
        if line.startswith("#"):
            name, _, value = line[1:].partition("=")
            stated[name.strip()] = value.strip()
    space = FCSV_SPACES.get(stated.get("CoordinateSystem", ""))
    if space is None:
        raise FileFormatError(f"expected a coordinate system of RAS or LPS in the .fcsv file, got another: {path}")
    return space, tuple(stated.get("columns", ",".join(FCSV_COLUMNS)).split(","))


def _points_of(columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...], path: str | Path) -> Points:
    if not {"x", "y", "z"} <= {name.lower() for name in columns}:
        raise FileFormatError(f"expected a first line that names the columns x, y and z, got {list(columns)}: {path}")
    where = [_index(columns, name) for name in "xyz"]
    try:
        points = np.array([[float(row[n]) for n in where] for row in rows], dtype=np.float64).reshape(-1, 3)
    except (ValueError, IndexError) as error:
        raise FileFormatError(f"expected three numbers in every row of landmarks, got another row: {path}") from error
    if not len(points) or not np.isfinite(points).all():
        raise FileFormatError(f"expected finite landmarks, got {'NaN or infinity' if len(points) else 'none'}: {path}")
    return points


def _index(columns: tuple[str, ...], name: str) -> int:
    return [column.lower() for column in columns].index(name)
