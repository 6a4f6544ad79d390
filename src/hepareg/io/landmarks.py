"""Landmarks: tables of points as CSV (x,y,z, with or without a name), 3D Slicer's .fcsv and elastix' point sets."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepareg.arrays import Points
from hepareg.errors import FileFormatError, SettingsError
from hepareg.geometry.grid import FARTHEST_MM
from hepareg.io.byte_stream import decoded, quoted, reading
from hepareg.io.point_space import LPS_SIGNS, agreed_space, named_space

__all__ = ["LANDMARK_SUFFIXES", "Landmarks", "columns_of_points", "read_landmarks", "write_landmarks"]

LANDMARK_SUFFIXES = (".csv", ".tsv", ".fcsv", ".pts", ".txt")
FCSV_NUMBERS = {"0": "RAS", "1": "LPS"}
FCSV_COLUMNS = ("id", "x", "y", "z", "ow", "ox", "oy", "oz", "vis", "sel", "lock", "label", "desc", "associatedNodeID")
COMMENTED_SPACE = re.compile(r"^#.*?\b(?:coordinate\s*system|space)\s*[=:]\s*([\w-]+)", re.IGNORECASE)
FCSV_LINE = re.compile(r"^#\s*(?:Markups fiducial file|columns\s*=)")
"""Lines of an .fcsv's header that a table with a header line has not."""
LPS_MARK = "# SPACE=LPS"
AXIS_LETTERS = {"r": (0, 1.0), "l": (0, -1.0), "a": (1, 1.0), "p": (1, -1.0), "s": (2, 1.0), "i": (2, -1.0)}
"""World axis and sense that a column named by one letter states, as 3D Slicer's tables do (r,a,s or l,p,s)."""
DELIMITERS = ",;\t"


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Points with the table that they came in, so that its other columns survive.

    Parameters
    ----------
    points
        (N, 3) float64, world RAS mm.
    columns
        Names of the table's columns, among them those of the points.
    rows
        Text of each row; that of the points is replaced on writing.
    comments
        Lines that begin with ``#`` before the table.
    delimiter
        Character between columns; a blank for elastix' point sets.
    stated_space
        ``ras`` or ``lps`` if the file states its space, else None.
    """

    points: Points
    columns: tuple[str, ...] = ("x", "y", "z")
    rows: tuple[tuple[str, ...], ...] = ()
    comments: tuple[str, ...] = ()
    delimiter: str = ","
    stated_space: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the points: the column name or label, else their numbers from 1."""
        for column in ("name", "label"):
            if column in self.columns:
                place = self.columns.index(column)
                return tuple(row[place] if place < len(row) else "" for row in self.rows)
        return tuple(str(n + 1) for n in range(len(self.points)))

    def with_points(self, points: ArrayLike) -> "Landmarks":
        """Return the same table with other points."""
        return replace(self, points=np.asarray(points, dtype=np.float64))


def read_landmarks(path: str | Path, *, space: str | None = None, prefix: str = "") -> Landmarks:
    """Read points from a table with a header line, from Slicer's .fcsv, or from a point set of elastix.

    A table's header names ``x, y, z``, or states the space by ``r, a, s`` or ``l, p, s`` or by ``x_ras`` and the
    like; a comment ``# CoordinateSystem = LPS`` or ``# SPACE=LPS`` states it too. An .fcsv file states its own,
    and elastix' world is LPS.

    Parameters
    ----------
    path
        Text file.
    space
        World of a table that states none: ``ras`` or ``lps``; None is ``ras``.
    prefix
        Word before the names of the columns, if they have one.

    Raises
    ------
    FileFormatError
        If there are no columns of points, no rows, or a coordinate that is no finite number.
    SettingsError
        If ``space`` contradicts the file, or the table is ANTs', which is in LPS by habit, and ``space`` is None.
    """
    with reading(path, expected="a table of landmarks"):
        lines = [line for line in decoded(Path(path).read_bytes()).splitlines() if line.strip()]
    if lines and lines[0].split()[0].lower() in ("point", "index"):
        return _elastix_points(lines, path, space)
    comments = tuple(takewhile(lambda line: line.lstrip().startswith("#"), lines))
    lines = lines[len(comments) :]
    stated = _commented_space(comments, path)
    delimiter = ","
    if Path(path).suffix.lower() == ".fcsv":
        columns = _fcsv_columns(comments)
    else:
        first = lines[0] if lines else ""
        delimiter = max(DELIMITERS, key=first.count)
        columns = tuple(word.strip() for word in next(iter(_split(lines[:1], delimiter, path)), ()))
        lines = lines[1:]
    rows = _split(lines, delimiter, path)
    has_prefix = bool(prefix) and any(name.strip().lower().startswith(prefix) for name in columns)
    where, signs = columns_of_points(columns, path, prefix=prefix if has_prefix else "")
    if signs is not None:
        named = "ras" if (signs > 0).all() else "lps" if np.array_equal(signs, LPS_SIGNS) else None
        if named is None or stated not in (None, named):
            raise FileFormatError(
                f"expected columns r,a,s or l,p,s of one space, got {quoted([columns[n] for n in where])}: {path}"
            )
        stated = named
    elif stated is None and space is None and _is_ants_table(columns, where):
        raise SettingsError(
            f"expected a table whose space is known, got one with a column t, as ANTs writes it in LPS: {path}; "
            "say ras or lps",
            options=("space",),
        )
    signs = LPS_SIGNS if agreed_space(stated, space, path) == "lps" else np.ones(3)
    return Landmarks(_points_of(where, rows, path) * signs, columns, rows, comments, delimiter, stated)


def write_landmarks(path: str | Path, landmarks: Landmarks, *, space: str = "ras") -> None:
    """Write the table with its points replaced, in the space that it states, else in ``space``.

    The suffix decides: ``.fcsv`` for Slicer, in LPS if the table comes from another format; ``.pts`` and
    ``.txt`` for elastix, always in LPS; all others for a table with a header line. A table in LPS says so: in a comment
    if nothing else in it does, except for ANTs' tables, which ANTs reads without comments alone and which
    `read_landmarks` never takes for RAS.
    """
    suffix = Path(path).suffix.lower()
    if suffix in (".pts", ".txt"):
        rows = "".join(" ".join(f"{v:.17g}" for v in point) + "\n" for point in landmarks.points * LPS_SIGNS)
        Path(path).write_text(f"point\n{len(landmarks.points)}\n{rows}", "utf-8")
        return
    is_fcsv = suffix == ".fcsv"
    if is_fcsv and not _is_from_fcsv(landmarks):
        _write_fcsv(path, landmarks)
        return
    if landmarks.delimiter == " ":
        landmarks = replace(landmarks, delimiter="\t" if suffix == ".tsv" else ",")
    space = landmarks.stated_space or space
    points = landmarks.points * (LPS_SIGNS if space == "lps" else 1.0)
    table = [list(row) for row in landmarks.rows or [("",) * len(landmarks.columns)] * len(points)]
    where, named = columns_of_points(landmarks.columns, path)
    for row, point in zip(table, points, strict=True):
        for n, value in zip(where, point, strict=True):
            row[n] = f"{value:.17g}"
    comments = list(landmarks.comments)
    if not is_fcsv:
        comments = [line for line in comments if not FCSV_LINE.match(line)]
        table.insert(0, list(landmarks.columns))
    is_stated = named is not None or _commented_space(comments, path) is not None
    if space == "lps" and not is_stated and not _is_ants_table(landmarks.columns, where):
        comments.append(LPS_MARK)
    head = "".join(f"{line}\n" for line in comments)
    Path(path).write_text(head + _as_table(table, landmarks.delimiter), "utf-8")


def columns_of_points(
    columns: Sequence[str], path: str | Path, *, prefix: str = ""
) -> tuple[tuple[int, int, int], NDArray[np.float64] | None]:
    """Return which columns hold the points, and the (3,) signs towards RAS if their names state them, else None.

    Parameters
    ----------
    columns
        Names: x, y, z in any case, also with a unit (``x_mm``, ``X (mm)``) or a space (``x_lps``), or one letter
        for each axis (r, a, s; l, p, s).
    path
        The file, for the message.
    prefix
        Word before each name, as in ``moving_x``.

    Raises
    ------
    FileFormatError
        If there are no such columns.
    """
    names = [re.sub(r"[\s_(\[]*mm[)\]]*$", "", name.strip().lower()).strip() for name in columns]
    names = [name.removeprefix(prefix) if name.startswith(prefix) else "" for name in names]
    for stated, signs in (("ras", np.ones(3)), ("lps", LPS_SIGNS), ("", None)):
        wanted = [rf"{axis}[\s_(\[]*{stated}[)\]]*" if stated else axis for axis in "xyz"]
        found = [[n for n, name in enumerate(names) if re.fullmatch(pattern, name)] for pattern in wanted]
        if all(found):
            return (found[0][0], found[1][0], found[2][0]), None if signs is None else np.array(signs)
    axes: dict[int, tuple[int, float]] = {}
    for n, name in enumerate(names):
        if name in AXIS_LETTERS:
            axis, sign = AXIS_LETTERS[name]
            axes.setdefault(axis, (n, sign))
    if len(axes) == 3:
        return (axes[0][0], axes[1][0], axes[2][0]), np.array([axes[n][1] for n in range(3)])
    raise FileFormatError(
        f"expected a first line that names the columns x, y and z, got {quoted(list(columns))}: {path}"
    )


def _elastix_points(lines: list[str], path: str | Path, space: str | None) -> Landmarks:
    """Return a point set of elastix, which is in LPS; one of voxel indices means nothing without its image."""
    if lines[0].split()[0].lower() == "index":
        raise FileFormatError(
            f"expected points in world mm, got voxel indices in a point set of elastix: {path}; save it as points"
        )
    agreed_space("lps", space, path)
    rows = tuple(tuple(line.split()) for line in lines[2:])
    if len(lines) < 2 or lines[1].split() != [str(len(rows))]:
        raise FileFormatError(f"expected as many points as the second line says, got {len(rows)}: {path}")
    points = _points_of((0, 1, 2), rows, path)
    return Landmarks(points * LPS_SIGNS, rows=rows, delimiter=" ", stated_space="lps")


def _is_ants_table(columns: tuple[str, ...], where: tuple[int, int, int]) -> bool:
    after = where[2] + 1
    return where == (0, 1, 2) and len(columns) > after and columns[after].strip().lower() == "t"


def _is_from_fcsv(landmarks: Landmarks) -> bool:
    """Return whether the comments of a table are a whole header of an .fcsv, with its space and its columns."""
    return landmarks.stated_space is not None and _fcsv_columns(landmarks.comments) == landmarks.columns


def _write_fcsv(path: str | Path, landmarks: Landmarks) -> None:
    rows = [
        (n, *(f"{v:.17g}" for v in point), 0, 0, 0, 1, 1, 1, 0, name, "", "")
        for n, (point, name) in enumerate(zip(landmarks.points * LPS_SIGNS, landmarks.names, strict=True), start=1)
    ]
    header = f"# Markups fiducial file version = 5.0\n# CoordinateSystem = LPS\n# columns = {','.join(FCSV_COLUMNS)}\n"
    Path(path).write_text(header + _as_table(rows, ","), "utf-8")


def _as_table(rows: Sequence[Sequence[object]], delimiter: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _split(lines: Sequence[str], delimiter: str, path: str | Path) -> tuple[tuple[str, ...], ...]:
    try:
        return tuple(tuple(row) for row in csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise FileFormatError(
            f"expected a table of landmarks whose quotes are closed, got a damaged one: {path}"
        ) from error


def _commented_space(comments: Sequence[str], path: str | Path) -> str | None:
    found = [match[1] for match in map(COMMENTED_SPACE.match, comments) if match]
    spaces = {named_space(FCSV_NUMBERS.get(name, name), path) for name in found}
    if len(spaces) > 1:
        raise FileFormatError(f"expected one coordinate system of the points, got both RAS and LPS: {path}")
    return spaces.pop() if spaces else None


def _fcsv_columns(comments: Sequence[str]) -> tuple[str, ...]:
    stated = [line.partition("=")[2] for line in comments if re.match(r"#\s*columns\s*=", line)]
    return tuple(name.strip() for name in (stated[0] if stated else ",".join(FCSV_COLUMNS)).split(","))


def _points_of(where: tuple[int, int, int], rows: tuple[tuple[str, ...], ...], path: str | Path) -> Points:
    try:
        points = np.array([[float(row[n]) for n in where] for row in rows], dtype=np.float64).reshape(-1, 3)
    except (ValueError, IndexError) as error:
        raise FileFormatError(f"expected three numbers in every row of landmarks, got another row: {path}") from error
    if not len(points) or not (np.abs(points) < FARTHEST_MM).all():
        raise FileFormatError(f"expected finite landmarks, got {'NaN or infinity' if len(points) else 'none'}: {path}")
    return points
