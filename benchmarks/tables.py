"""The writer of all tables in pages: a column is a heading, a key of the rows or a function of a row, and a format."""

from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Any

__all__ = ["Column", "Row", "cell", "middle", "table"]

Row = dict[str, Any]
Column = tuple[str, str | Callable[[Row], Any], str]


def table(rows: Iterable[Row], columns: Sequence[Column], *, left: int = 1) -> str:
    """Return a Markdown table: the first ``left`` columns left, the others right, a dash for a missing value."""
    lines = [[heading for heading, _, _ in columns], ["---"] * left + ["---:"] * (len(columns) - left)]
    lines += [[cell(key(row) if callable(key) else row[key], form) for _, key, form in columns] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell(value: Any, form: str = "") -> str:
    """Return a value in a format of `format`; a dash for None."""
    return "–" if value is None else format(value, form)


def middle(values: Iterable[float | None]) -> float | None:
    """Return the median of the values that are not None, or None if there is none."""
    known = [value for value in values if value is not None]
    return median(known) if known else None
