"""3D Slicer's markups (.mrk.json): points, lines, curves, planes and boxes, changed in place.

References
----------
https://slicer.readthedocs.io/en/latest/user_guide/modules/markups.html
"""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np

from hepareg.arrays import Matrix
from hepareg.errors import FileFormatError
from hepareg.geometry.grid import FARTHEST_MM, apply_matrix
from hepareg.geometry.rotations import nearest_rotation
from hepareg.io.byte_stream import quoted
from hepareg.io.json import read_json
from hepareg.io.point_space import agreed_space, matrix_in, named_space
from hepareg.transforms import AffineTransform

__all__ = ["MARKUPS_SUFFIX", "markups_points", "moved_markups", "read_markups", "write_markups"]

MARKUPS_SUFFIX = ".mrk.json"
POSITIONS = ("position", "center", "origin")
NUMBERED_SPACES = {"0": "RAS", "1": "LPS"}


def read_markups(path: str | Path) -> Any:
    """Read a markups file; its points are in mm of the space that each markup states, LPS if it states none.

    Raises
    ------
    FileFormatError
        If the file is no markups file, holds no point, or is in another space or unit.
    """
    document = read_json(path)
    try:
        for markup in document["markups"]:
            _space_of(markup, path)
            if markup.get("coordinateUnits", "mm") not in ("mm", ["mm"] * 3):
                raise FileFormatError(f"expected markups in mm, got {quoted(markup['coordinateUnits'])}: {path}")
        count = len(markups_points(document))
        json.dumps(moved_markups(document, AffineTransform(np.eye(4))), allow_nan=False)  # each entry can be moved
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"expected 3D Slicer's markups, got other JSON: {path}") from error
    if not count:
        raise FileFormatError(f"expected markups with points, got none: {path}")
    return document


def markups_points(document: Any) -> list[list[float]]:
    """Return all defined control points, each in the space that its markup states."""
    found = [point["position"] for markup in document["markups"] for point in _control_points(markup)]
    if not (np.abs(np.array(found, dtype=np.float64).reshape(-1, 3)) < FARTHEST_MM).all():
        raise ValueError
    return found


def moved_markups(document: Any, transform: AffineTransform, *, space: str | None = None, path: str | Path = "") -> Any:
    """Return the document with every position mapped by ``transform``, and orientations turned along.

    Parameters
    ----------
    document
        From `read_markups`.
    transform
        World RAS mm to world RAS mm.
    space
        Space that the caller states, or None.
    path
        The file, for a message.

    Raises
    ------
    SettingsError
        If ``space`` contradicts a markup.
    """
    moved = copy.deepcopy(document)
    for markup in moved["markups"]:
        matrix = matrix_in(transform, agreed_space(_space_of(markup, path), space, path))
        for item in (markup, *_control_points(markup)):
            _move(item, matrix)
    return moved


def write_markups(path: str | Path, document: Any) -> None:
    """Write a markups document, its entries in the order in which they were read."""
    Path(path).write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")


def _control_points(markup: Any) -> list[Any]:
    points = markup.get("controlPoints") or []
    return [p for p in points if p.get("positionStatus", "defined") != "undefined" and len(p["position"]) == 3]


def _space_of(markup: Any, path: str | Path) -> str:
    stated = str(markup.get("coordinateSystem", "LPS"))
    return named_space(NUMBERED_SPACES.get(stated, stated), path)


def _move(item: Any, matrix: Matrix) -> None:
    """Change the positions and orientations of one entry."""
    turn = nearest_rotation(matrix[:3, :3])
    for name in POSITIONS:
        if len(item.get(name) or ()) == 3:
            item[name] = apply_matrix(matrix, item[name]).tolist()
    if len(item.get("orientation") or ()) == 9:
        item["orientation"] = (turn @ np.reshape(item["orientation"], (3, 3))).ravel().tolist()
    if len(item.get("normal") or ()) == 3:
        item["normal"] = (turn @ np.array(item["normal"])).tolist()
    if len(item.get("baseToNode") or ()) == 16:
        item["baseToNode"] = (matrix @ np.reshape(item["baseToNode"], (4, 4))).ravel().tolist()
