"""The table of a batch: what was cropped, skipped or clamped in each case, and what failed."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields

from hepareg.preprocessing import CropRegion

__all__ = ["SIDES", "CaseRow", "SideRow", "format_table"]

SIDES = ("moving", "fixed")


@dataclass(frozen=True)
class SideRow:
    """What was done to one image of a case; None where there was no mask to tell."""

    outcome: str
    top_mm: float | None = None
    top_slice: int | None = None
    num_slices_below: int | None = None
    num_slices: int | None = None
    extent_mm: float | None = None

    @classmethod
    def of(cls, region: CropRegion | None) -> "SideRow":
        """Return the row of a region; ``no_mask`` for None."""
        if region is None:
            return cls(outcome="no_mask")
        return cls(**{column.name: getattr(region, column.name) for column in fields(cls)})


@dataclass(frozen=True)
class CaseRow:
    """One row of the table.

    Parameters
    ----------
    status
        ``done`` in this run, ``kept`` from an earlier one, or ``failed``.
    moving, fixed
        What was done to the images; None for a failed case.
    error
        Why it failed, without any path.
    """

    case: str
    status: str
    moving: SideRow | None = None
    fixed: SideRow | None = None
    error: str = ""


def format_table(rows: Sequence[CaseRow]) -> str:
    """Return the table as CSV text, one row a case, columns of both images side by side; mm with three decimals."""
    columns = [column.name for column in fields(SideRow)]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["case", "status", *(f"{side}_{name}" for side in SIDES for name in columns), "error"])
    for row in rows:
        cells = [getattr(side, name, None) for side in (row.moving, row.fixed) for name in columns]
        shown = ["" if cell is None else round(cell, 3) if isinstance(cell, float) else cell for cell in cells]
        writer.writerow([row.case, row.status, *shown, row.error])
    return stream.getvalue()
