"""Sections of the documentation page on hepareg's own speed: whole process, floor, volume size, threads."""

from collections.abc import Sequence
from math import prod
from statistics import median
from typing import Any

from benchmarks.comparison_page import provenance_text
from benchmarks.load import load_text
from benchmarks.tables import Row, markdown, number

__all__ = ["distance_from_floor", "speed_sections"]

FLOOR = """\
A registration of two `.nii.gz` files cannot be faster than the machine inflates them (the stream has no index) and
reads the livers' voxels once; those two rows are measured on one core with the files in the system's cache, and only
their call counts, for their process also starts Python and prepares. The floor of imports and reading is a process that
imports what a registration needs while it reads the four files, as the command does, and ends.

Two columns say how far from the floor a run is: the process's seconds over those of imports and reading, and what was
timed over what the machine needs for it at least. The latter is inflating and reading once for a process, reading once
alone for a library call, whose images are in memory."""

FLOOR_ROW = "floor: imports and reading"
INFLATE_ROW, TOUCH_ROW = "machine: inflate the four files", "machine: read both livers' boxes once"
CALL = "library call"
IMAGE_BYTES, MASK_BYTES = 2, 1
"""A voxel of the files: int16 images, uint8 masks."""

TITLES = {
    "process": "One pair, 512x512x119 and 476x476x153",
    "size": "Growth with the volume",
    "threads": "Growth with threads",
}


def speed_sections(result: dict[str, Any]) -> list[str]:
    """Return the page's sections from a speed result."""
    load = load_text(result["rows"], cores=result["device"]["cores"])
    sections = ["## Speed", provenance_text(result), load, FLOOR]
    for area, title in TITLES.items():
        rows = [row for row in result["rows"] if row["area"] == area]
        if rows:
            sections += [f"### {title}", _bytes_text(rows), _table(rows)]
    return [section for section in sections if section]


def distance_from_floor(row: Row, rows: Sequence[Row]) -> tuple[float | None, float | None]:
    """Return how many times as long as its floors a run took: imports and reading, and what the machine needs.

    Both are those of the same volumes and threads; None where they were not measured or the row is a floor itself.
    """

    def of(name: str, field: str) -> float | None:
        keys = ("fixed_shape", "moving_shape", "threads")
        same = [r for r in rows if r["name"] == name and all(r[key] == row[key] for key in keys)]
        return _middle(same[0][field]) if same else None

    if row["name"] in (FLOOR_ROW, INFLATE_ROW, TOUCH_ROW):
        return None, None
    touch, inflate = of(TOUCH_ROW, "call_s"), of(INFLATE_ROW, "call_s")
    if CALL in row["name"]:
        return None, _over(_middle(row["call_s"]), touch)
    machine = None if touch is None or inflate is None else touch + inflate
    process = _middle(row["process_s"])
    return _over(process, of(FLOOR_ROW, "process_s")), _over(process, machine)


def _over(value: float | None, floor: float | None) -> float | None:
    return None if value is None or floor is None else value / floor


def _bytes_text(rows: Sequence[Row]) -> str:
    """Return how many bytes a pair's four files hold and how fast the machine inflates them, where it was measured."""
    for row in rows:
        if row["name"] == INFLATE_ROW and row["call_s"]:
            voxels = prod(row["fixed_shape"]) + prod(row["moving_shape"])
            size, seconds = voxels * (IMAGE_BYTES + MASK_BYTES), _middle(row["call_s"])
            return (
                f"The four files hold {size * 1e-6:.0f} MB of voxels; one core inflates {size * 1e-6 / seconds:.0f} MB "
                "of them a second."
            )
    return ""


def _table(rows: Sequence[Row]) -> str:
    header = ["run", "fixed", "moving", "threads", "process s", "spread", "call s", "processor s", "peak MB"]
    return markdown([*header, "/ imports and reading", "/ machine"], [_cells(row, rows) for row in rows])


def _cells(row: Row, rows: Sequence[Row]) -> list[str]:
    peak = None if row["peak_bytes"] is None else row["peak_bytes"] * 1e-6
    reading, machine = distance_from_floor(row, rows)
    shapes = ["x".join(map(str, row[key])) for key in ("fixed_shape", "moving_shape")]
    status = "" if row["status"] == "found" else f" ({row['status']}: {row['reason']})"
    return [
        row["name"] + status,
        *shapes,
        str(row["threads"]),
        number(_middle(row["process_s"])),
        _spread(row["process_s"]),
        number(_middle(row["call_s"]), 3),
        number(_middle(row["cpu_s"])),
        number(peak, 0),
        number(reading, 2),
        number(machine, 1),
    ]


def _middle(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _spread(values: Sequence[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f}" if len(values) > 1 else "–"
