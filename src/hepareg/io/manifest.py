"""Manifests: a table of pairs, as CSV or JSON, that batches and training read.

One row a pair. Columns (in any order; only the first three are required):

=====================  =================================================================================
case                   name of the pair in folders, tables and messages: letters, digits, ``-``, ``_``, ``.``
moving, fixed          image file or folder of DICOM, relative to the manifest's folder or absolute
moving_mask            liver mask of the moving image, file or folder; fixed_mask: of the fixed image
mask_label             number or name of the liver if the masks are label maps or segmentations
patient                any name; pairs of one patient have the same, and training never splits them
split                  ``train``, ``validation`` or ``test``
moving_phase           ``non_contrast``, ``arterial``, ``portal_venous`` or ``delayed``; fixed_phase: of the fixed image
truth                  transform file with the true moving_from_fixed (RAS), if it is known
=====================  =================================================================================

JSON is a list of objects with these names as keys. Errors name the row (the line of a CSV file as a
spreadsheet counts it, the place in a JSON list counted from 1) and the case, never a path.
"""

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hepareg.errors import FileFormatError, InputError
from hepareg.io.byte_stream import quoted
from hepareg.volume import Phase

__all__ = ["ManifestPair", "format_manifest", "read_manifest", "without_paths"]

CASE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,99}")
SPLITS = ("train", "validation", "test")
REQUIRED = ("case", "moving", "fixed")
FILE_COLUMNS = ("moving", "fixed", "moving_mask", "fixed_mask", "truth")
NUM_SHOWN = 3


@dataclass(frozen=True)
class ManifestPair:
    """One row of a manifest; paths are absolute and were there when it was read."""

    case: str
    moving: Path
    fixed: Path
    moving_mask: Path | None = None
    fixed_mask: Path | None = None
    mask_label: int | str | None = None
    patient: str | None = None
    split: str | None = None
    moving_phase: Phase | None = None
    fixed_phase: Phase | None = None
    truth: Path | None = None


COLUMNS = tuple(field.name for field in fields(ManifestPair))


def read_manifest(path: str | Path, *, required: Iterable[str] = ()) -> tuple[ManifestPair, ...]:
    """Read a manifest and check every row of it before any work starts.

    Parameters
    ----------
    path
        CSV file (comma, semicolon or tab; UTF-8) or JSON file, told apart by the name's ending.
    required
        Columns that every row has to fill, besides case, moving and fixed.

    Raises
    ------
    FileFormatError
        If the file is missing, is no CSV or JSON, or has an unknown column.
    InputError
        If it has no pair, or rows with problems: an image or a required value missing, a file that
        does not exist, a case given twice, or a value that is not allowed. All rows are looked at;
        the message shows the first few.
    """
    path = Path(path).absolute()
    required = (*REQUIRED, *required)
    problems: list[str] = []
    pairs: dict[str, ManifestPair] = {}
    for row, cells in _rows(path):
        case = cells.get("case", "")
        found = list(_problems_of(cells, required, path.parent))
        if case in pairs:
            found.append(f"case {case} is there twice; give every pair a name of its own")
        if found:
            problems.append(f"row {row}: {'; '.join(found)}")
        else:
            pairs[case] = _pair_of(cells, path.parent)
    if problems:
        more = f"; and {len(problems) - NUM_SHOWN} more rows" if len(problems) > NUM_SHOWN else ""
        raise InputError(f"the manifest cannot be used: {'; '.join(problems[:NUM_SHOWN])}{more}")
    if not pairs:
        raise InputError("expected a manifest with at least one pair, got none; add a row")
    return tuple(pairs.values())


def format_manifest(pairs: Iterable[ManifestPair], *, folder: Path) -> str:
    """Return a manifest as CSV text, with paths relative to the folder that it will lie in.

    Columns that no pair fills are left out.
    """
    rows = [{name: _cell_of(getattr(pair, name), folder) for name in COLUMNS} for pair in pairs]
    used = [name for name in COLUMNS if name in REQUIRED or any(row[name] for row in rows)]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, used, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FileFormatError(
            f"expected a manifest (.csv or .json, UTF-8) that can be read, got {path.name}; check its name and rights"
        ) from error
    yield from _json_rows(text) if path.suffix.lower() == ".json" else _csv_rows(text)


def _csv_rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="", strict=True)
    try:
        _check_columns([name.strip() for name in reader.fieldnames or []])
        reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
        for cells in reader:
            if "" in cells:
                raise FileFormatError(
                    f"row {reader.line_num} of the manifest has more cells than the header; quote them"
                )
            yield reader.line_num, {name: (value or "").strip() for name, value in cells.items()}
    except csv.Error as error:
        raise FileFormatError(f"row {reader.line_num} of the manifest is no CSV ({error}); repair it") from error


def _json_rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        raise FileFormatError(f"line {error.lineno} of the manifest is no JSON ({error.msg}); repair it") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists in lists without end
        raise FileFormatError("expected a JSON manifest, got one that no reader takes; repair it") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise FileFormatError('expected a JSON manifest as a list of objects, [{"case": ..., "moving": ...}, ...]')
    for number, entry in enumerate(entries, start=1):
        _check_columns([*entry, *(name for name in REQUIRED if name not in entry)])
        yield number, {name: "" if value is None else str(value).strip() for name, value in entry.items()}


def _check_columns(names: list[str]) -> None:
    unknown = [name for name in names if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in names]
    if unknown:
        raise FileFormatError(
            f"unknown column {quoted(unknown[0])} in the manifest; expected some of: {', '.join(COLUMNS)}"
        )
    if missing:
        raise FileFormatError(f"expected the columns {', '.join(REQUIRED)} in the manifest, got no {missing[0]!r}")
    if len(set(names)) != len(names):
        raise FileFormatError("a column of the manifest is there twice; remove one")


def without_paths(text: str, pair: ManifestPair) -> str:
    """Return a message with "the moving file" and so on in place of the pair's paths, as tables may hold it."""
    for name in ("moving_mask", "fixed_mask", "moving", "fixed", "truth"):
        path = getattr(pair, name)
        for form in () if path is None else (str(path), path.name):
            text = text.replace(form, f"the {name} file")
    return " ".join(text.split())


def _problems_of(cells: Mapping[str, str], required: Iterable[str], folder: Path) -> Iterator[str]:
    case = cells.get("case", "")
    if case and not CASE_NAME.fullmatch(case):
        yield "the case name may hold letters, digits, '-', '_' and '.' only, as it names a folder"
        case = ""
    label = f"case {case}: " if case else ""
    for name in required:
        if not cells.get(name):
            yield f"{label}{name} is empty"
    for name in FILE_COLUMNS:
        if cells.get(name) and not _exists(folder / cells[name]):
            yield f"{label}the {name} file does not exist"
    if cells.get("split") and cells["split"] not in SPLITS:
        yield f"{label}split is none of {', '.join(SPLITS)}, but {quoted(cells['split'])}"
    if re.fullmatch(r"0+|[-+.\d]*[-+.][-+.\d]*", cells.get("mask_label", "")):
        yield f"{label}mask_label is no positive whole number and no name"
    for name in ("moving_phase", "fixed_phase"):
        if cells.get(name) and cells[name] not in {phase.value for phase in Phase}:
            yield f"{label}{name} is none of {', '.join(phase.value for phase in Phase)}"


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have, as too long a one
        return False


def _pair_of(cells: Mapping[str, str], folder: Path) -> ManifestPair:
    values: dict[str, Any] = {}
    for name, text in cells.items():
        if not text:
            continue
        if name in FILE_COLUMNS:
            values[name] = folder / text
        elif name.endswith("_phase"):
            values[name] = Phase(text)
        else:
            values[name] = int(text) if name == "mask_label" and text.isdecimal() else text
    return ManifestPair(**values)


def _cell_of(value: Any, folder: Path) -> str:
    if value is None:
        return ""
    if isinstance(value, Path):
        return Path(os.path.relpath(value, folder)).as_posix()
    return str(value.value) if isinstance(value, Phase) else str(value)
