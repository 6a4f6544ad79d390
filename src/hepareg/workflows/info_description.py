"""The description of a file or folder that `hepareg info` prints, and its parts while they are being collected."""

from dataclasses import dataclass, field
from typing import Any

from hepareg.errors import HeparegError

__all__ = ["Description", "Found", "in_one_line"]


@dataclass(frozen=True)
class Description:
    """The content of a file or folder, and its faults.

    Parameters
    ----------
    kind
        In words.
    entries
        Facts of each image, label, transform or table in it, by name; numbers with their units.
    problems
        Faults that keep hepareg from using it, a line each.
    """

    kind: str
    entries: tuple[dict[str, Any], ...] = ()
    problems: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {"kind": self.kind, "entries": list(self.entries), "problems": list(self.problems)}

    def as_text(self) -> str:
        """Return everything in lines for a terminal."""
        lines = [self.kind]
        for entry in self.entries:
            for name, value in entry.items():
                lines.append(f"  {value}" if name == "title" else f"    {name.replace('_', ' ')}: {_shown(value)}")
        return "\n".join([*lines, *(f"problem: {problem}" for problem in self.problems)])


@dataclass
class Found:
    """Entries and problems while they are being collected."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def as_description(self, kind: str) -> Description:
        """Return a description of the given kind with everything that was collected."""
        return Description(kind, tuple(self.entries), tuple(self.problems))


def in_one_line(error: HeparegError) -> str:
    """Return the text of an error without line breaks."""
    return " ".join(str(error).split())


def _shown(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], list):
        return "; ".join(_shown(row) for row in value)
    return " ".join(f"{x:g}" for x in value) if isinstance(value, list) else str(value)
