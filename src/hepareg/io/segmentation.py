"""The content of a mask file: a label map, or segments with names that may overlap."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hepareg.errors import MaskError
from hepareg.geometry import Grid
from hepareg.volume import Volume

__all__ = ["LABEL_OPTIONS", "LIVER", "LabelMap", "Segments", "find_label", "is_called", "list_names"]

LIVER = "liver"
LABEL_OPTIONS = ("mask_label", "moving_mask_label", "fixed_mask_label")


def _no_names() -> Mapping[int, str]:
    return {}


@dataclass(frozen=True, eq=False)
class LabelMap:
    """An image with one value per voxel: a mask, labels or probabilities.

    Parameters
    ----------
    kind
        Kind of file in words.
    volume
        The values as stored.
    names
        Reads the names of labels if the file has them; asked for only when a name matters.
    """

    kind: str
    volume: Volume
    names: Callable[[], Mapping[int, str]] = _no_names


@dataclass(frozen=True, eq=False)
class Segments:
    """Segments with numbers and names, each a mask of its own.

    Parameters
    ----------
    kind
        Kind of file in words.
    names
        Name of each number; empty if the file has none.
    read
        Returns the mask of a number on the file's own grid. Contours have none: they are drawn on the grid that is
        given, or on one of their own if it is None.
    """

    kind: str
    names: Mapping[int, str]
    read: Callable[[int, Grid | None], Volume]


def is_called(name: str, wanted: str) -> bool:
    """Return whether two names are the same but for case, spaces, hyphens and underscores."""
    return _plain(name) == _plain(wanted)


def find_label(names: Mapping[int, str], label: int | str | None, *, name: str) -> int:
    """Return the number of the segment that is asked for; without a label the only liver, or the only one if unnamed.

    Parameters
    ----------
    names
        Name of each number.
    label
        Number or name; None for the liver.
    name
        Name of the mask in messages.

    Raises
    ------
    MaskError
        If there is none or more than one. The names are the error's ``listing``.
    """
    if isinstance(label, int) and label in names:
        return label
    wanted = LIVER if label is None else str(label)
    found = [] if isinstance(label, int) else [n for n, text in names.items() if is_called(text, wanted)]
    if len(found) == 1:
        return found[0]
    if label is None and len(names) == 1 and not any(names.values()):
        return next(iter(names))
    got = f"{len(found)} of that name" if found else f"{len(names)} with other names or numbers"
    asked = f"one segment called {LIVER}" if label is None else f"segment {label!r}"
    raise MaskError(
        f"expected {asked} in the {name}, got {got}; choose the one of the liver by its number or name",
        options=LABEL_OPTIONS,
        listing=list_names(names),
    )


def list_names(names: Mapping[int, str]) -> str:
    """Return numbers and names in lines for a terminal."""
    return "\n".join(f"{number}: {text}" if text else str(number) for number, text in sorted(names.items()))


def _plain(text: str) -> str:
    return "".join(c for c in text.casefold() if c not in " _-\t")
