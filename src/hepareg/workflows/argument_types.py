"""Checks of the types of arguments in Python calls: one line that says which argument is of which wrong type."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hepareg.errors import SettingsError, TransformError
from hepareg.geometry import Grid
from hepareg.io.in_memory import is_image
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.workflows.inputs import is_path

__all__ = [
    "CALLABLE", "FLAG", "IMAGE", "IMAGE_OR_GRID", "IMAGE_OR_POINTS", "LABEL", "NUMBER", "PATH", "TEXT", "TEXTS", "Kind",
    "as_points", "as_transform", "check_types", "one_of",
]  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A kind of argument: words for a message, a test of a value, and whether None is allowed as well."""

    words: str
    holds: Callable[[Any], bool]
    optional: bool = False

    def or_none(self) -> "Kind":
        """Return the kind that None belongs to as well."""
        return Kind(f"{self.words} or None", self.holds, optional=True)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


PATH = Kind("the path of a file or folder", is_path)
IMAGE = Kind(
    "the path of an image, a Volume, a nibabel or SimpleITK image, or a pair (array, world_from_voxel)",
    lambda value: is_path(value) or is_image(value),
)
IMAGE_OR_GRID = Kind(f"{IMAGE.words}, or a Grid", lambda value: isinstance(value, Grid) or IMAGE.holds(value))
IMAGE_OR_POINTS = Kind(f"{IMAGE.words}, or an array (..., 3) of points", IMAGE.holds)
TEXT = Kind("a text", lambda value: isinstance(value, str))
NUMBER = Kind("a whole number", _is_whole)
LABEL = Kind("the number or name of a label", lambda value: _is_whole(value) or isinstance(value, str))
TEXTS = Kind(
    "a list or tuple of texts",
    lambda value: isinstance(value, list | tuple) and all(isinstance(text, str) for text in value),
)
FLAG = Kind("True or False", lambda value: isinstance(value, bool | np.bool_))
CALLABLE = Kind("a function", callable)


def one_of(*types: type) -> Kind:
    """Return the kind of the objects of some classes, which a message names."""
    return Kind(" or ".join(kind.__name__ for kind in types), lambda value: isinstance(value, types))


def check_types(arguments: Mapping[str, tuple[Any, Kind]]) -> None:
    """Check that each argument, given by its name with the kind that it has to be of, is of that kind.

    Raises
    ------
    SettingsError
        If one is not; the message names the argument and its type, never its value.
    """
    for name, (value, kind) in arguments.items():
        if not (kind.holds(value) or (kind.optional and value is None)):
            raise SettingsError(f"expected {kind.words} as {name}, got {_type_of(value)}; give {name} in that form")


def as_transform(value: Any, name: str) -> Any:
    """Return a transform in memory as an AffineTransform, rigid if its matrix is, and the path of a file as it is.

    Parameters
    ----------
    value
        AffineTransform, (4, 4) matrix in world RAS mm, path, or anything whose attribute ``transform`` is a transform.
    name
        Name of the argument in messages.

    Raises
    ------
    SettingsError
        If it is of another type or shape.
    TransformError
        If the matrix is singular, or its last row is not 0 0 0 1.
    """
    value = getattr(value, "transform", value) if not is_path(value) else value
    if is_path(value) or isinstance(value, AffineTransform):
        return value
    matrix = _array(value)
    if matrix is None or matrix.shape != (4, 4):
        raise SettingsError(
            f"expected a transform, a 4x4 matrix in RAS mm or the path of a transform as {name}, "
            f"got {_type_of(value)}; give {name} in that form"
        )
    try:
        return RigidTransform(matrix)
    except TransformError:
        return AffineTransform(matrix)


def as_points(value: Any) -> np.ndarray | None:
    """Return (..., 3) world points as float64, or None for a value that is no array of points."""
    if is_path(value) or is_image(value):
        return None
    points = _array(value)
    return points if points is not None and points.ndim > 0 and points.shape[-1] == 3 else None


def _array(value: Any) -> np.ndarray | None:
    """Return an array or nested lists as float64, or None if they hold anything but numbers."""
    if not isinstance(value, np.ndarray | list | tuple):
        return None
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return None


def _type_of(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return "None" if value is None else type(value).__name__
