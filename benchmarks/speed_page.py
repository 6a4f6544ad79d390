"""Sections of the documentation page on hepareg's own speed: whole process, floor, volume size, threads."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.comparison_page import provenance_text
from benchmarks.load import load_text
from benchmarks.tables import Row, markdown, number

__all__ = ["speed_sections"]

FLOOR = """\
A registration of two `.nii.gz` files cannot be faster than the machine inflates them (the stream has no index) and
reads the livers' voxels once; those two rows are measured on one core with the files in the system's cache, and only
their call counts, for their process also starts Python and prepares. The floor of imports and reading is a process that
imports what a registration needs while it reads the four files, as the command does, and ends."""

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
            sections += [f"### {title}", _table(rows)]
    return sections


def _table(rows: Sequence[Row]) -> str:
    header = ["run", "fixed", "moving", "threads", "process s", "spread", "call s", "processor s", "peak MB"]
    return markdown(header, [_cells(row) for row in rows])


def _cells(row: Row) -> list[str]:
    peak = None if row["peak_bytes"] is None else row["peak_bytes"] * 1e-6
    shapes = ["x".join(map(str, row[key])) for key in ("fixed_shape", "moving_shape")]
    status = "" if row["status"] == "found" else f" ({row['status']}: {row['reason']})"
    return [
        row["name"] + status,
        *shapes,
        str(row["threads"]),
        number(_middle(row["process_s"])),
        _spread(row["process_s"]),
        number(_middle(row["call_s"])),
        number(_middle(row["cpu_s"])),
        number(peak, 0),
    ]


def _middle(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _spread(values: Sequence[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f}" if len(values) > 1 else "–"
