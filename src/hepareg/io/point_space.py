"""The world of a file's points, RAS or LPS: stated by the file, said by the caller, and marked in a file.

3D Slicer marks meshes with ``SPACE=LPS`` or ``SPACE=RAS`` in their headers. A mark is believed: whoever says
otherwise has to be wrong about the file, and gets an error.
"""

import re
from pathlib import Path

import numpy as np

from hepareg.arrays import Matrix
from hepareg.errors import FileFormatError, SettingsError
from hepareg.io.byte_stream import quoted
from hepareg.transforms import AffineTransform
from hepareg.transforms.linear import LPS_FROM_RAS

__all__ = ["LPS_SIGNS", "SPACES", "agreed_space", "mark_of", "matrix_in", "named_space", "stated_space"]

SPACES = ("ras", "lps")
LPS_SIGNS = np.array([-1.0, -1.0, 1.0])
"""Factors that turn RAS coordinates into LPS coordinates, and the other way round."""
NAMES = {"ras": "ras", "lps": "lps", "rightanteriorsuperior": "ras", "leftposteriorsuperior": "lps"}
STATEMENT = re.compile(rb"(?<![A-Za-z_])SPACE\s*[=:]\s*[\"']?([A-Za-z][A-Za-z_-]*)", re.IGNORECASE)
UNIT = re.compile(rb"(?<![A-Za-z_])UNIT\s*=\s*[\"']?([A-Za-z]+)", re.IGNORECASE)


def stated_space(header: bytes, path: str | Path) -> str | None:
    """Return ``ras`` or ``lps`` as a header says it after ``SPACE=``, or None if the header says nothing.

    Raises
    ------
    FileFormatError
        If the header names another space than these two, contradicts itself, or has another unit than mm.
    """
    found = {named_space(word.decode("ascii"), path) for word in STATEMENT.findall(header)}
    if len(found) > 1:
        raise FileFormatError(f"expected one space of the points in a header, got both RAS and LPS: {path}")
    for unit in UNIT.findall(header):
        if unit.lower() not in (b"mm", b"millimeter", b"millimetre"):
            raise FileFormatError(f"expected points in mm, got the unit {unit.decode('ascii')} in the header: {path}")
    return found.pop() if found else None


def named_space(name: str, path: str | Path) -> str:
    """Return ``ras`` or ``lps`` of the name that a file gives to its space.

    Raises
    ------
    FileFormatError
        If it is the name of another space.
    """
    space = NAMES.get(re.sub(r"[^a-z]", "", name.lower()))
    if space is None:
        raise FileFormatError(f"expected RAS or LPS as the coordinate system of the points, got {quoted(name)}: {path}")
    return space


def agreed_space(stated: str | None, said: str | None, path: str | Path) -> str:
    """Return the space of a file's points: as the file states it, else as the caller says it, else ``ras``.

    Parameters
    ----------
    stated
        Statement of the file, or None.
    said
        Statement of the caller, or None.
    path
        The file, for the message.

    Raises
    ------
    SettingsError
        If ``said`` is no space, or contradicts the file.
    """
    if said is not None and said not in SPACES:
        raise SettingsError(f"expected ras or lps as the space of points, got {said!r}")
    if None not in (stated, said) and stated != said:
        raise SettingsError(
            f"expected points in {str(stated).upper()}, as the file states, got the setting space {said}: "
            f"leave it out, or correct the file if its mark is wrong: {path}",
            options=("space",),
        )
    return stated or said or "ras"


def matrix_in(transform: AffineTransform, space: str) -> Matrix:
    """Return the (4, 4) matrix of a transform of world RAS mm for points that are given in ``space``."""
    return transform.matrix if space == "ras" else LPS_FROM_RAS @ transform.matrix @ LPS_FROM_RAS


def mark_of(space: str) -> str:
    """Return the words that mark a header with a space, as 3D Slicer looks for them."""
    return f"SPACE={space.upper()}"
