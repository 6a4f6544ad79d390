"""A small valid input of hepareg, from which mutants are made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["Seed", "files_of", "written"]


@dataclass(frozen=True)
class Seed:
    """The files of one valid input.

    Parameters
    ----------
    kind
        Name of the reader in `tests.fuzz.readers.READERS`.
    path
        File that a user would name, or an empty text for the folder of all files.
    files
        Content by name.
    special
        Groups of mutations that know this format, beside those of bytes.
    text
        Whether the file is text or begins with text.
    """

    kind: str
    path: str
    files: Mapping[str, bytes]
    special: tuple[str, ...] = ()
    text: bool = False


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the content of every file of a folder, by its name."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def written(write: Callable[[Path], object]) -> dict[str, bytes]:
    """Return the files that a function writes into the folder that it is given."""
    with TemporaryDirectory() as folder:
        write(Path(folder))
        return files_of(Path(folder))
