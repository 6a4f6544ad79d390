"""Table of a preprocessing run: crop, status and error of each case."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields

from hepareg.preprocessing import CropRegion

__all__ = ["SIDES", "CaseRow", "SideRow", "format_table"]

SIDES = ("moving", "fixed")


@dataclass(frozen=True)
class SideRow:
    """Crop of one image of a case; numbers are None without a mask."""

    outcome: str
    top_mm: float | None = None
    top_slice: int | None = None
    num_slices_below: int | None = None
    num_slices: int | None = None
    extent_mm: float | None = None

    @classmethod
    def of(cls, region: CropRegion | None) -> "SideRow":
        """Return the row of a crop region; the outcome is ``no_mask`` for None."""
        if region is None:
            return cls(outcome="no_mask")
        return cls(**{column.name: getattr(region, column.name) for column in fields(cls)})


@dataclass(frozen=True)
class CaseRow:
    """One row of the table.

    Parameters
    ----------
    status
        ``done`` in this run, ``kept`` from an earlier run, or ``failed``.
    moving, fixed
        Crops of the images; None for a failed case.
    error
        Message of the error of a failed case, without any path.
    notes
        Notes of the readers of its images and masks for the user.
    """

    case: str
    status: str
    moving: SideRow | None = None
    fixed: SideRow | None = None
    error: str = ""
    notes: tuple[str, ...] = ()


def format_table(rows: Sequence[CaseRow]) -> str:
    """Return the table as CSV text: a row for each case, columns for both images, mm with three decimals."""
    columns = [column.name for column in fields(SideRow)]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["case", "status", *(f"{side}_{name}" for side in SIDES for name in columns), "error"])
    for row in rows:
        cells = [getattr(side, name, None) for side in (row.moving, row.fixed) for name in columns]
        shown = ["" if cell is None else round(cell, 3) if isinstance(cell, float) else cell for cell in cells]
        writer.writerow([row.case, row.status, *shown, row.error])
    return stream.getvalue()
