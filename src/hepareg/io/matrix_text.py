"""A 4x4 matrix as four lines of text, as greedy, Slicer's scripts and people read it."""

from pathlib import Path

import numpy as np

from hepareg.arrays import Matrix
from hepareg.errors import FileFormatError, SettingsError
from hepareg.io.byte_stream import decoded, reading
from hepareg.transforms import AffineTransform

__all__ = ["format_matrix", "parse_matrix", "read_matrix_text", "write_matrix_text"]

SPACES = ("ras", "lps")


def read_matrix_text(path: str | Path, *, space: str = "ras") -> AffineTransform:
    """Read a transform of world mm from four lines of four numbers; lines that begin with ``#`` are skipped.

    Parameters
    ----------
    path
        Text file.
    space
        World that the matrix is written in: ``ras`` or ``lps``.
    """
    with reading(path, expected="a 4x4 matrix as text"):
        return transform_of_matrix(parse_matrix(decoded(Path(path).read_bytes()), path), space=space)


def transform_of_matrix(matrix: Matrix, *, space: str) -> AffineTransform:
    """Return the transform of world RAS mm that a (4, 4) matrix is in ``ras`` or ``lps``."""
    if space not in SPACES:
        raise SettingsError(f"expected ras or lps as the space of a matrix, got {space!r}")
    return AffineTransform(matrix) if space == "ras" else AffineTransform.from_lps(matrix)


def write_matrix_text(path: str | Path, transform: AffineTransform, *, space: str = "ras") -> None:
    """Write a transform with 17 significant digits, from which every float64 is read back exactly."""
    if space not in SPACES:
        raise SettingsError(f"expected ras or lps as the space of a matrix, got {space!r}")
    Path(path).write_text(format_matrix(transform.matrix if space == "ras" else transform.matrix_lps))


def format_matrix(matrix: Matrix) -> str:
    """Return rows as lines, 17 significant digits; a negative zero is written as zero."""
    return "".join(" ".join(f"{x + 0.0:.17g}" for x in row) + "\n" for row in matrix)


def parse_matrix(text: str, path: str | Path) -> Matrix:
    """Return the (4, 4) numbers of a text; commas, semicolons and brackets around the rows are left out.

    Raises
    ------
    FileFormatError
        If the text is not four lines of four numbers.
    """
    lines = (line.translate(SEPARATORS).split() for line in text.splitlines() if line.strip()[:1] != "#")
    rows = [words for words in lines if words]
    try:
        matrix = np.array([[float(x) for x in row] for row in rows])
    except ValueError as error:
        raise FileFormatError(
            f"expected a transform (ITK, elastix, LTA, or four lines of four numbers), got other text: {path}; "
            "check the name"
        ) from error
    if matrix.shape != (4, 4):
        got = f"{len(matrix)} lines of {matrix.shape[1]}" if matrix.ndim == 2 else "none"
        raise FileFormatError(f"expected four lines of four numbers, got {got}: {path}; give the 4x4 matrix")
    return matrix


SEPARATORS = str.maketrans(",;[]()", "      ")
