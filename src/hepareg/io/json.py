"""Canonical JSON: the same content gives the same bytes."""

import json
from pathlib import Path
from typing import Any

from hepareg.errors import FileFormatError
from hepareg.io.byte_stream import decoded, reading

__all__ = ["format_json", "read_json", "write_json"]


def format_json(content: Any) -> str:
    """Return sorted keys, two spaces of indent, a newline at the end.

    Raises
    ------
    ValueError
        If a number is NaN or infinite, which JSON cannot hold: write None if a value is unknown.
    """
    return json.dumps(content, sort_keys=True, indent=2, allow_nan=False, ensure_ascii=False, default=_plain) + "\n"


def write_json(path: str | Path, content: Any) -> None:
    """Write canonical JSON in UTF-8; NumPy's numbers and arrays become plain ones."""
    Path(path).write_text(format_json(content), "utf-8")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    FileFormatError
        If it is missing or no JSON.
    """
    with reading(path, expected="a JSON file"):
        text = decoded(Path(path).read_bytes())
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        where = (
            f"an error at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "what no reader takes"
        )
        raise FileFormatError(f"expected JSON, got {where}: {path}") from error


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"expected plain values for JSON, got {type(value).__name__}")
