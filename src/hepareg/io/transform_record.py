"""The meaning of a plain matrix: stated by a record beside it, by its name, or by the caller.

Sixteen numbers say neither which way they map nor in which coordinates, and other tools read nothing but the
numbers. So hepareg writes a record, a small JSON file in the same folder, which knows each matrix by a digest of its
numbers: the meaning survives a new name, other line ends and a byte order mark, and is lost with the first number
that is changed.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from hepareg.arrays import Matrix
from hepareg.errors import SettingsError
from hepareg.io.json import write_json
from hepareg.io.matrix_text import format_matrix

__all__ = [
    "CONVENTIONS",
    "DIRECTIONS",
    "RECORD_NAME",
    "MatrixMeaning",
    "agreed_meaning",
    "meaning_by_name",
    "meaning_by_record",
    "num_unread_records",
    "write_record",
]

DIRECTIONS = ("moving_from_fixed", "fixed_from_moving")
CONVENTIONS = ("ras", "lps", "flirt")
RECORD_NAME = "transforms.json"
"""The record in a folder of results; that of a single file is named after it."""
MAX_RECORD_BYTES = 16384
MAX_RECORDS = 500
"""Most files of other programs that are searched for records in a folder; on a network drive each takes a while."""
WORDS = {"ras": "ras", "greedy": "ras", "c3d": "ras", "lps": "lps", "flirt": "flirt", "fsl": "flirt"}
"""Words of a file's name that state its coordinates."""
POINTED = frozenset({"greedy", "c3d"})
"""Tools whose matrices take fixed points to moving points."""
COORDINATES = {
    "ras": "world RAS mm",
    "lps": "world LPS mm",
    "flirt": "FSL's scaled voxel coordinates in mm, which depend on both images' grids",
}
MAPS = {
    "moving_from_fixed": "points of the fixed image to points of the moving image",
    "fixed_from_moving": "points of the moving image to points of the fixed image",
}


@dataclass(frozen=True)
class MatrixMeaning:
    """Known properties of a plain matrix; None is unknown.

    Parameters
    ----------
    convention
        Coordinates: one of `CONVENTIONS`.
    direction
        One of `DIRECTIONS`.
    """

    convention: str | None = None
    direction: str | None = None


def write_record(path: str | Path, matrices: Mapping[str, tuple[Matrix, MatrixMeaning]]) -> None:
    """Write a record of the matrices of a folder's files, by the files' names."""
    files = [
        {
            "name": name,
            "direction": meaning.direction,
            "maps": MAPS[str(meaning.direction)],
            "convention": meaning.convention,
            "coordinates": COORDINATES[str(meaning.convention)],
            "sha256_of_numbers": _digest(matrix),
        }
        for name, (matrix, meaning) in matrices.items()
    ]
    write_json(path, {"hepareg_transforms": 1, "files": files})


def meaning_by_record(path: str | Path, matrix: Matrix) -> MatrixMeaning:
    """Return the statement of the records in a file's folder about its numbers, whatever the file is called now.

    The numbers, not the names, are compared: by a digest of the matrix as `format_matrix` writes it, with all entries
    of all records in the folder: JSON files, first the one that is called after the file, then `RECORD_NAME`, then
    `MAX_RECORDS` others, sorted by name (`num_unread_records` counts those that are left). If several entries have
    these numbers, the one with the file's name counts, else the first. They may differ in direction, for a matrix that
    is its own inverse, such as the identity: then either is right.

    Parameters
    ----------
    path
        The file; it need not exist.
    matrix
        (4, 4) numbers as stored in the file.

    Returns
    -------
    MatrixMeaning
        Convention and direction, both None if no entry has these numbers.
    """
    digest, found = _digest(matrix), []
    for entry in _entries_beside(Path(path)):
        if entry.get("sha256_of_numbers") == digest:
            meaning = MatrixMeaning(entry.get("convention"), entry.get("direction"))
            if meaning.convention in CONVENTIONS and meaning.direction in DIRECTIONS:
                found.append((entry.get("name") == Path(path).name, meaning))
    return max(found, key=lambda item: item[0])[1] if found else MatrixMeaning()


def meaning_by_name(path: str | Path) -> MatrixMeaning:
    """Return the statement of a file's name: ``moving_from_fixed`` or ``fixed_from_moving``, and `WORDS`."""
    stem = re.sub(r"[^a-z0-9]+", "_", Path(path).stem.lower())
    directions = {direction for direction in DIRECTIONS if direction in stem}
    words = stem.split("_")
    conventions = {WORDS[word] for word in words if word in WORDS}
    if not directions and not POINTED.isdisjoint(words):
        directions = {"moving_from_fixed"}
    return MatrixMeaning(_only(conventions), _only(directions))


def agreed_meaning(path: str | Path, said: MatrixMeaning, *stated: MatrixMeaning) -> MatrixMeaning:
    """Return the meaning on which the caller and the sources agree.

    Raises
    ------
    SettingsError
        If two of them contradict each other, or the caller says an unknown word.
    """
    for word, known in ((said.convention, CONVENTIONS), (said.direction, DIRECTIONS)):
        if word is not None and word not in known:
            raise SettingsError(f"expected one of {', '.join(known)} for a transform file, got {word!r}")
    agreed = {}
    for field in ("convention", "direction"):
        words = [getattr(meaning, field) for meaning in (said, *stated) if getattr(meaning, field) is not None]
        if len(set(words)) > 1:
            raise SettingsError(
                f"expected one {field} of the transform, got {' and '.join(dict.fromkeys(words))} "
                f"from the setting {field}, the file's record or its name: {path}; correct the one that is wrong",
                options=(field,),
            )
        agreed[field] = words[0] if words else None
    return MatrixMeaning(**agreed)


def num_unread_records(path: str | Path) -> int:
    """Return the number of JSON files beside a file that `meaning_by_record` leaves unread."""
    return len(_records_beside(Path(path))[1])


def _records_beside(path: Path) -> tuple[list[Path], list[Path]]:
    """Return the JSON files in a file's folder that are read, the likeliest first, and those that are too many."""
    try:
        records = sorted(path.absolute().parent.glob("*.json"))
    except OSError:
        return [], []
    likely = (f"{path.name}.json", RECORD_NAME)
    first = sorted((r for r in records if r.name in likely), key=lambda r: likely.index(r.name))
    others = [r for r in records if r.name not in likely]
    return [*first, *others[:MAX_RECORDS]], others[MAX_RECORDS:]


def _entries_beside(path: Path) -> Iterable[Mapping[str, str]]:
    for record in _records_beside(path)[0]:
        try:
            if record.stat().st_size <= MAX_RECORD_BYTES:
                content = json.loads(record.read_text("utf-8"))
                if isinstance(content, dict) and "hepareg_transforms" in content:
                    yield from (entry for entry in content.get("files", []) if isinstance(entry, dict))
        except (OSError, ValueError, TypeError, RecursionError):
            continue  # another program's file


def _digest(matrix: Matrix) -> str:
    return sha256(format_matrix(matrix).encode()).hexdigest()


def _only(words: set[str]) -> str | None:
    return words.pop() if len(words) == 1 else None
