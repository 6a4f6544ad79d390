"""Reading and writing a transform in any known format."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from hepareg.arrays import Matrix
from hepareg.errors import FileFormatError, SettingsError, TransformError
from hepareg.geometry import Grid
from hepareg.io.byte_stream import decoded, reading
from hepareg.io.elastix import is_elastix, read_elastix
from hepareg.io.fsl import flirt_grid, transform_of_flirt, write_flirt
from hepareg.io.itk_transforms import itk_kind_of, read_itk_transform, write_itk_transform
from hepareg.io.lta import is_lta, read_lta, write_lta
from hepareg.io.matrix_text import parse_matrix, transform_of_matrix, write_matrix_text
from hepareg.io.transform_record import (
    MatrixMeaning,
    agreed_meaning,
    meaning_by_name,
    meaning_by_record,
    num_unread_records,
    write_record,
)
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.transforms.rigidify import rigid_part
from hepareg.volume import Volume

__all__ = [
    "WRITTEN_SUFFIXES",
    "MatrixMeaning",
    "TransformFile",
    "check_transform_name",
    "read_transform",
    "read_transform_file",
    "record_matrices",
    "record_of",
    "stated_meaning",
    "states_itself",
    "write_transform",
]

UNKNOWN_BINARY = "expected a transform (ITK, elastix, LTA, FLIRT or 4x4 text), got an unknown binary file"
WRITTEN_SUFFIXES = (".txt", ".tfm", ".lta", ".mat")
RECORDED = (".txt", ".mat")
"""Suffixes of plain matrices, which say nothing about themselves."""
NATIVE_DIRECTION = {"itk": "moving_from_fixed", "elastix": "moving_from_fixed", "lta": "fixed_from_moving"}
"""Which way the stored numbers map, by the definition of a format."""
NATURAL_DIRECTION = {".tfm": "moving_from_fixed", ".lta": "fixed_from_moving", ".mat": "fixed_from_moving"}
NATIVE_CONVENTION = {"itk": "lps", "elastix": "lps", "lta": "ras"}
RIGID_TO, FEWEST_DECIMALS, MOST_DECIMALS = 1e-6, 4, 8
FAR_MM = 500.0


@dataclass(frozen=True)
class TransformFile:
    """A transform as read: moving_from_fixed in world RAS mm, and its reader's notes for the user."""

    transform: AffineTransform
    notes: tuple[str, ...] = ()


def read_transform(
    path: str | Path,
    *,
    convention: str | None = None,
    direction: str | None = None,
    moving: Grid | Volume | None = None,
    fixed: Grid | Volume | None = None,
) -> AffineTransform:
    """Read moving_from_fixed in world RAS mm; see `read_transform_file`, whose notes are left out here."""
    said = MatrixMeaning(convention, direction)
    return read_transform_file(path, said=said, moving=moving, fixed=fixed).transform


def read_transform_file(
    path: str | Path,
    *,
    said: MatrixMeaning | None = None,
    default_direction: str | None = None,
    keep_rounding: bool = False,
    moving: Grid | Volume | None = None,
    fixed: Grid | Volume | None = None,
) -> TransformFile:
    """Read moving_from_fixed from a file of ITK, ANTs, elastix, FreeSurfer or FSL, or from a plain 4x4 matrix.

    The content decides about the format, not the name. ITK's and elastix' transforms map fixed points to moving
    points in LPS, an LTA maps moving points to fixed ones. A plain matrix says nothing about itself: its meaning
    is taken from the caller, from the record that hepareg writes beside its files, or from its name, and these may
    not contradict each other.

    Parameters
    ----------
    path
        Transform file.
    said
        The caller's statement about the file: ``ras``, ``lps`` or ``flirt``, and the direction of the stored map.
    default_direction
        Direction of a plain matrix about which nothing is known; None asks for it.
    keep_rounding
        Whether a rotation whose numbers were rounded stays as it is.
    moving, fixed
        The two images, which only FLIRT's matrix needs, or their grids if they are known to be of NIfTI files.

    Raises
    ------
    FileFormatError
        If the file cannot be read or is of no known format.
    SettingsError
        If the caller's statement contradicts the file, a plain matrix leaves its meaning open, or FLIRT's matrix comes
        without both images, or with one that is not NIfTI.
    TransformError
        If the matrix is singular or the transform not linear.
    """
    said = said or MatrixMeaning()
    kind, text = _kind_and_text(path)
    if kind == "matrix":
        read = _read_matrix(path, text, said, default_direction, moving=moving, fixed=fixed)
    else:
        stored = READERS[kind](path)
        read = TransformFile(_pointed(path, kind, stored, said))
    fixed_grid = fixed.grid if isinstance(fixed, Volume) else fixed
    return read if keep_rounding else _without_rounding(read, fixed_grid)


def stated_meaning(path: str | Path) -> tuple[str, MatrixMeaning]:
    """Return the format of a transform file and its stated meaning: by the format, by a record or by the name."""
    kind, text = _kind_and_text(path)
    if kind != "matrix":
        return kind, MatrixMeaning(NATIVE_CONVENTION[kind], NATIVE_DIRECTION[kind])
    return kind, agreed_meaning(path, meaning_by_record(path, parse_matrix(text, path)), meaning_by_name(path))


def states_itself(path: str | Path) -> bool:
    """Return whether a transform file states its meaning: by its format, by a record beside it or by its name."""
    kind, meaning = stated_meaning(path)
    if kind != "matrix":
        return True
    return meaning.convention is not None or (meaning.direction is not None and not _is_mat(path))


def write_transform(
    path: str | Path,
    transform: RigidTransform,
    *,
    moving: Grid | Volume | None = None,
    fixed: Grid | Volume | None = None,
    centre_mm: ArrayLike = (0.0, 0.0, 0.0),
    record: bool = True,
) -> None:
    """Write moving_from_fixed in the format that the suffix names, and a record beside a plain matrix.

    ``.txt``: plain 4x4 in RAS, the inverse if the name says ``fixed_from_moving``; ``.tfm``: ITK; ``.lta``:
    FreeSurfer; ``.mat``: FLIRT, or greedy's plain 4x4 if the name says so. LTA and FLIRT need both
    images, or their grids. The record of ``a.txt`` is ``a.txt.json``; without ``record`` the caller writes one by
    `record_matrices`.

    Raises
    ------
    SettingsError
        If the suffix is another one, the name contradicts the format, a grid is missing, or an image beside a
        FLIRT matrix is not NIfTI.
    """
    suffix, meaning = check_transform_name(path)
    if suffix in RECORDED and meaning.convention == "ras":
        is_inverse = meaning.direction == "fixed_from_moving"
        write_matrix_text(path, transform.inverse() if is_inverse else transform)
    elif suffix == ".tfm":
        write_itk_transform(path, transform, centre_mm=centre_mm)
    elif moving is None or fixed is None:
        raise SettingsError(f"expected both images to write a {suffix} file, which holds their grids: give them too")
    elif suffix == ".mat":
        write_flirt(path, transform, moving=flirt_grid(moving), fixed=flirt_grid(fixed))
    else:
        grids = [image.grid if isinstance(image, Volume) else image for image in (moving, fixed)]
        write_lta(path, transform, moving=grids[0], fixed=grids[1])
    if record and suffix in RECORDED:
        record_matrices(Path(path).with_name(f"{Path(path).name}.json"), [Path(path)])


def record_of(path: str | Path) -> Path | None:
    """Return the path of the record of a single file, or None for a format that states itself."""
    path = Path(path)
    return path.with_name(f"{path.name}.json") if path.suffix.lower() in RECORDED else None


def record_matrices(record: Path, files: list[Path]) -> None:
    """Write a record of plain matrices that `write_transform` wrote under names that state their meaning."""
    matrices = {}
    for file in files:
        _, meaning = check_transform_name(file)
        matrices[file.name] = (parse_matrix(file.read_text("utf-8"), file.name), meaning)
    write_record(record, matrices)


def check_transform_name(path: str | Path) -> tuple[str, MatrixMeaning]:
    """Return the suffix of a file that `write_transform` can write, and the meaning that its content will have.

    Raises
    ------
    SettingsError
        If the suffix is another one, or the name states another direction than the format has.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in WRITTEN_SUFFIXES:
        raise SettingsError(
            f"expected a name ending in .txt, .tfm, .lta or .mat for a transform, got {suffix or 'none'}"
        )
    named = meaning_by_name(path)
    is_matrix_in_ras = suffix == ".txt" or (suffix == ".mat" and named.convention == "ras")
    natural = MatrixMeaning(
        "ras" if is_matrix_in_ras else {".tfm": "lps", ".lta": "ras", ".mat": "flirt"}[suffix],
        (named.direction or "moving_from_fixed") if is_matrix_in_ras else NATURAL_DIRECTION[suffix],
    )
    compared = named if suffix in RECORDED else MatrixMeaning(direction=named.direction)
    return suffix, agreed_meaning(path, natural, compared)


def _kind_and_text(path: str | Path) -> tuple[str, str]:
    """Return ``itk``, ``elastix``, ``lta`` or ``matrix``, and the text of a file of text."""
    with reading(path, expected="a transform"), open(path, "rb") as file:
        if itk_kind_of(file.read(4096)) is not None:
            return "itk", ""
        file.seek(0)
        raw = file.read(MAX_TEXT_BYTES)
    try:
        text = decoded(raw)
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{UNKNOWN_BINARY}: {path}") from error
    if "\0" in text:
        raise FileFormatError(f"{UNKNOWN_BINARY}: {path}")
    return ("elastix" if is_elastix(text) else "lta" if is_lta(text) else "matrix"), text


MAX_TEXT_BYTES = 1 << 22
"""More than any linear transform as text takes; elastix' B-splines may go on, but are not read."""

READERS: Mapping[str, Callable[[str | Path], AffineTransform]] = {
    "itk": read_itk_transform,
    "elastix": read_elastix,
    "lta": read_lta,
}


def _pointed(path: str | Path, kind: str, read: AffineTransform, said: MatrixMeaning) -> AffineTransform:
    """Return moving_from_fixed of a file whose format has a direction, which the caller may correct."""
    if said.convention not in (None, NATIVE_CONVENTION[kind]):
        raise SettingsError(
            f"expected no convention for a file that states its own ({NATIVE_CONVENTION[kind]}), "
            f"got {said.convention!r}: leave it out",
            options=("convention",),
        )
    native = NATIVE_DIRECTION[kind]
    named = meaning_by_name(path).direction
    if said.direction is None and named not in (None, native):
        raise SettingsError(
            f"expected a file whose name and format map the same way, got {named} as name and {native} by format: "
            f"{path}; say which way it maps",
            options=("direction",),
        )
    agreed_meaning(path, MatrixMeaning(direction=said.direction))
    return read if said.direction in (None, native) else read.inverse()


def _read_matrix(
    path: str | Path,
    text: str,
    said: MatrixMeaning,
    default_direction: str | None,
    *,
    moving: Grid | Volume | None,
    fixed: Grid | Volume | None,
) -> TransformFile:
    """Return moving_from_fixed, in world RAS mm, of a file that holds sixteen plain numbers.

    Convention and direction are those on which ``said``, the records in the file's folder and the file's name agree
    (`agreed_meaning`). If they leave something open:

    - An unknown convention is RAS, except for a ``.mat``, about which nobody can guess: SettingsError.
    - An unknown direction is fixed_from_moving with the convention ``flirt``. Else it is ``default_direction``.
      Without that default, it is moving_from_fixed if the caller stated a convention: else SettingsError.

    A note for the user says which convention or direction was assumed. The matrix is then converted from LPS, or from
    FLIRT's coordinates by means of both grids, and inverted if it is fixed_from_moving.

    Parameters
    ----------
    path, text
        The file, whose name and folder may state the meaning, and its content.
    said
        The caller's statement, unknown parts None.
    default_direction
        One of `DIRECTIONS` for a matrix whose direction nothing states, or None.
    moving, fixed
        Both images or their grids, which only FLIRT's matrices need.

    Raises
    ------
    FileFormatError
        If the text is not a 4x4 matrix.
    SettingsError
        If convention or direction stay open, two sources contradict each other, or FLIRT's matrix comes without both
        images or with one that is not NIfTI. The message names the option that settles it.
    """
    matrix = parse_matrix(text, path)
    recorded = meaning_by_record(path, matrix)
    unread = num_unread_records(path) if recorded == MatrixMeaning() else 0
    known = agreed_meaning(path, said, recorded, meaning_by_name(path))
    if known.convention is None and _is_mat(path):
        raise SettingsError(
            f"expected a plain matrix whose convention is known, got a .mat that does not say it: {path}; say "
            f"flirt for FSL's, ras for the matrices of greedy and c3d, lps for those in ITK's world{_unread(unread)}",
            options=("convention",),
        )
    is_open = known.direction is None and known.convention != "flirt" and said.convention is None
    if is_open and default_direction is None:
        raise SettingsError(
            f"expected a plain matrix whose direction is known, got one that does not say it: {path}; say "
            "moving_from_fixed if it takes fixed points to moving ones, as greedy, c3d and ITK write it, "
            f"else fixed_from_moving{_unread(unread)}",
            options=("direction",),
        )
    convention = known.convention or "ras"
    natural = "fixed_from_moving" if convention == "flirt" else default_direction or "moving_from_fixed"
    direction = known.direction or natural
    notes: tuple[str, ...] = ()
    if known.direction is None and convention != "flirt":
        notes = (f"a plain matrix was read as {direction} in {convention.upper()} mm: it does not say so itself",)
    elif known.convention is None and said.direction is not None:
        notes = ("a plain matrix was read in RAS mm: it does not say so itself",)
    if unread:
        notes = (*notes, f"no record of the plain matrix was found{_unread(unread)}")
    if convention == "flirt":
        return TransformFile(_flirt(matrix, direction, moving=moving, fixed=fixed), notes)
    transform = transform_of_matrix(matrix, space=convention)
    return TransformFile(transform if direction == "moving_from_fixed" else transform.inverse(), notes)


def _unread(num_files: int) -> str:
    """Return the end of a message that says how many files may hold a record that was not searched for."""
    return f" ({num_files} further JSON files in its folder were not searched for its record)" if num_files else ""


def _flirt(
    matrix: Matrix, direction: str, *, moving: Grid | Volume | None, fixed: Grid | Volume | None
) -> AffineTransform:
    if moving is None or fixed is None:
        raise SettingsError(
            "expected both images for a FLIRT matrix, which depends on their grids: give them too",
            options=("moving", "fixed", "reference"),
        )
    moving_grid, fixed_grid = flirt_grid(moving), flirt_grid(fixed)
    if direction == "fixed_from_moving":
        return transform_of_flirt(matrix, moving=moving_grid, fixed=fixed_grid)
    return transform_of_flirt(matrix, moving=fixed_grid, fixed=moving_grid).inverse()


def _without_rounding(read: TransformFile, fixed: Grid | None) -> TransformFile:
    """Return a rotation again if the file's numbers are those of one, rounded to a few decimals."""
    A = read.transform.linear
    decimals = min(_decimals(A), _decimals(np.linalg.inv(A)))
    off = float(np.abs(A.T @ A - np.eye(3)).max())
    if decimals > MOST_DECIMALS or not RIGID_TO < off <= 2 * 10.0**-decimals:
        return read
    points = fixed.corners_mm if fixed is not None else FAR_MM * np.vstack([np.eye(3), -np.eye(3)])
    try:
        rigid = rigid_part(read.transform, centre_mm=points.mean(axis=0))
    except TransformError:  # a mirror image, which its reader refuses in its own words
        return read
    change = float(np.linalg.norm(rigid.apply(points) - read.transform.apply(points), axis=1).max())
    reach = "points of the fixed image" if fixed is not None else f"points {FAR_MM:g} mm from the world's origin"
    note = f"a matrix of {decimals} decimals was made a rotation again: {reach} move by at most {change:.2g} mm"
    return TransformFile(rigid, (*read.notes, note))


def _decimals(linear: Matrix) -> int:
    """Return with how many decimals, at least `FEWEST_DECIMALS`, all nine numbers are written; else a large number."""
    for decimals in range(FEWEST_DECIMALS, MOST_DECIMALS + 1):
        if np.abs(linear - np.round(linear, decimals)).max() < 1e-10:
            return decimals
    return MOST_DECIMALS + 1


def _is_mat(path: str | Path) -> bool:
    return re.search(r"\.mat$", Path(path).name, re.IGNORECASE) is not None
