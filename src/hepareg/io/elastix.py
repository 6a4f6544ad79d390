"""elastix' ``TransformParameters`` files: linear transforms and chains of them, in text or TOML.

elastix' world is LPS and its transforms map fixed points to moving points, as ours do; the change of
world happens here.

References
----------
Klein, S. et al. elastix: a toolbox for intensity-based medical image registration. IEEE TMI 29, 2010.
doi:10.1109/TMI.2009.2035616
"""

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepareg.arrays import Matrix
from hepareg.errors import FileFormatError, TransformError
from hepareg.geometry import Grid, apply_matrix
from hepareg.geometry.rotations import about_centre, homogeneous
from hepareg.io.byte_stream import decoded, inner_file, is_file, quoted, reading
from hepareg.io.itk_transforms import itk_kind_of, read_itk_transform
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.transforms.linear import LPS_FROM_RAS

__all__ = ["is_elastix", "read_elastix", "write_elastix"]

SIGNATURE = re.compile(r"^\s*(?:\(\s*Transform\s+\"|Transform\s*=\s*\")", re.MULTILINE)
ENTRY = re.compile(r'^\s*\(\s*(\w+)\s*((?:"[^"\n]*"|[^)"])*|[^)]*)\)', re.MULTILINE)
WORD = re.compile(r'"([^"]*)"|(\S+)')
INITIAL = ("InitialTransformParameterFileName", "InitialTransformParametersFileName", "InitialTransformFileName")
MAX_CHAIN = 20


def is_elastix(text: str) -> bool:
    """Return whether a text is one of elastix' parameter files of a transform."""
    return SIGNATURE.search(text) is not None


def read_elastix(path: str | Path) -> AffineTransform:
    """Read a translation, Euler, similarity or affine transform of elastix with the initial transforms before it.

    Initial transforms are looked for where the file names them, else beside the file.

    Returns
    -------
    AffineTransform
        moving_from_fixed in world RAS mm.

    Raises
    ------
    FileFormatError
        If the file is damaged, or an initial transform is not found.
    TransformError
        If the transform bends, is not three-dimensional, or was made without direction cosines.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # numbers of a damaged file; what overflows is refused
        return AffineTransform.from_lps(_matrix_lps(Path(path), depth=0))


def write_elastix(path: str | Path, transform: RigidTransform, *, fixed: Grid, centre_mm: ArrayLike) -> None:
    """Write moving_from_fixed as elastix' EulerTransform with the fixed grid, for ``transformix -tp``.

    Parameters
    ----------
    path
        Text file.
    transform
        moving_from_fixed, world RAS mm.
    fixed
        Grid that transformix resamples onto.
    centre_mm
        (3,) world RAS point that is stored as the centre of rotation.
    """
    lps = transform.matrix_lps
    centre = np.asarray(centre_mm, dtype=np.float64) * [-1, -1, 1]
    translation = lps[:3, :3] @ centre + lps[:3, 3] - centre
    grid = LPS_FROM_RAS @ fixed.world_from_voxel
    rows: dict[str, Any] = {
        "Transform": "EulerTransform",
        "NumberOfParameters": [6],
        "TransformParameters": [*_euler_angles(lps[:3, :3]), *translation],
        "InitialTransformParameterFileName": "NoInitialTransform",
        "HowToCombineTransforms": "Compose",
        "FixedImageDimension": [3],
        "MovingImageDimension": [3],
        "FixedInternalImagePixelType": "float",
        "MovingInternalImagePixelType": "float",
        "Size": fixed.shape,
        "Index": [0, 0, 0],
        "Spacing": fixed.spacing_mm,
        "Origin": grid[:3, 3],
        "Direction": (grid[:3, :3] / fixed.spacing_mm).T.ravel(),  # elastix lists it column by column
        "UseDirectionCosines": "true",
        "CenterOfRotationPoint": centre,
        "ComputeZYX": "false",
        "ResampleInterpolator": "FinalBSplineInterpolator",
        "FinalBSplineInterpolationOrder": [1],
        "Resampler": "DefaultResampler",
        "DefaultPixelValue": [-1024],
        "ResultImageFormat": "nii.gz",
        "ResultImagePixelType": "short",
        "CompressResultImage": "true",
    }
    Path(path).write_text("".join(f"({name} {_shown(value)})\n" for name, value in rows.items()))


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else " ".join(f"{x + 0.0:.17g}" for x in value)


def _matrix_lps(path: Path, *, depth: int) -> Matrix:
    if depth > MAX_CHAIN:
        raise FileFormatError(f"expected a chain of transforms that ends, got one that does not: {path}")
    with reading(path, expected="a transform of elastix"):
        raw = path.read_bytes()
    if itk_kind_of(raw[:4096]) is not None:
        return read_itk_transform(path).matrix_lps
    with reading(path, expected="a transform of elastix"):
        entries = _entries(decoded(raw), path)
    try:
        return _chained(entries, _own_matrix(entries, path, depth=depth), path, depth=depth)
    except (KeyError, ValueError, IndexError) as error:
        if isinstance(error, FileFormatError | TransformError):
            raise
        raise FileFormatError(f"expected a transform of elastix, got a damaged one: {path}") from error


def _named_matrix_lps(path: Path, *, depth: int) -> Matrix:
    """Return the (4, 4) LPS matrix of a file that another file names."""
    with inner_file(path, shown="a transform that another file names"):
        return _matrix_lps(path, depth=depth)


def _entries(text: str, path: Path) -> Mapping[str, list[str]]:
    """Return every entry's values as words."""
    if not is_elastix(text):
        raise FileFormatError(f"expected a transform of elastix, got another file: {path}")
    if text.lstrip()[:1] in ("(", "/"):
        return {name: [a or b for a, b in WORD.findall(values)] for name, values in ENTRY.findall(text)}
    try:
        entries = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"expected a transform of elastix, got damaged TOML: {path}") from error
    listed = {name: value if isinstance(value, list) else [value] for name, value in entries.items()}
    return {name: [str(v).lower() if isinstance(v, bool) else str(v) for v in value] for name, value in listed.items()}


def _chained(entries: Mapping[str, list[str]], matrix: Matrix, path: Path, *, depth: int) -> Matrix:
    """Return the matrix together with that of the initial transform, which is applied first."""
    names = [entries[name][0] for name in INITIAL if entries.get(name)]
    if not names or names[0] in ("NoInitialTransform", ""):
        return matrix
    stored = re.split(r"[\\/]", names[0])
    places = [path.parent / names[0], path.parent / stored[-1]]
    initial = next((place for place in places if is_file(place)), None)
    if initial is None:
        raise FileFormatError(
            f"expected the initial transform beside {path.name}, which names it, got none: put it there, as the "
            "transform means nothing without it",
            listing=stored[-1],
        )
    first = _named_matrix_lps(initial, depth=depth + 1)
    combination = entries.get("HowToCombineTransforms", [""])[0].lower()
    if combination == "compose":
        return matrix @ first
    if combination == "add":
        return matrix + first - np.eye(4)
    raise FileFormatError(f"expected Compose or Add as HowToCombineTransforms beside an initial transform: {path}")


def _own_matrix(entries: Mapping[str, list[str]], path: Path, *, depth: int) -> Matrix:
    """Return the (4, 4) LPS matrix of a file's own transform."""
    kind = entries["Transform"][0]
    if kind == "File":
        return _named_matrix_lps(path.parent / entries["TransformFileName"][0], depth=depth + 1)
    if kind not in MAKERS:
        raise TransformError(
            f"expected a translation, Euler, similarity or affine transform of elastix, got {quoted(kind)}: "
            "fit a rigid one first"
        )
    if {*entries.get("FixedImageDimension", ["3"]), *entries.get("MovingImageDimension", ["3"])} != {"3"}:
        raise TransformError("expected a transform of 3-D points, got elastix' transform of another dimension")
    if entries.get("UseDirectionCosines", ["true"])[0].lower() == "false":
        raise TransformError(
            "expected a transform in world coordinates, got one that elastix made without direction cosines: "
            "run elastix with UseDirectionCosines true"
        )
    parameters = np.array(entries["TransformParameters"], dtype=np.float64)
    count, make = MAKERS[kind]
    if parameters.size != count or not np.isfinite(parameters).all():
        raise FileFormatError(f"expected {count} parameters of elastix' {kind}, got {parameters.size}: {path}")
    linear = make(parameters, entries.get("ComputeZYX", ["false"])[0].lower() == "true")
    return about_centre(linear, parameters[3:6] if count in (6, 7) else parameters[-3:], _centre(entries))


def _centre(entries: Mapping[str, list[str]]) -> NDArray[np.floating]:
    """Return the (3,) centre of rotation in LPS mm; files of elastix 3 and before store a voxel's index."""
    if "CenterOfRotationPoint" in entries:
        return np.array(entries["CenterOfRotationPoint"], dtype=np.float64).reshape(3)
    if "CenterOfRotation" not in entries:
        return np.zeros(3)
    spacing, origin, index = (
        np.array(entries[name], dtype=np.float64).reshape(3) for name in ("Spacing", "Origin", "CenterOfRotation")
    )
    axes = np.array(entries.get("Direction", np.eye(3).ravel()), dtype=np.float64).reshape(3, 3).T
    return apply_matrix(homogeneous(axes * spacing, origin), index)


def _rotation(angles: NDArray[np.float64], z_y_x: bool) -> Matrix:
    """Return ITK's rotation of Euler angles about x, y and z: Rz Rx Ry, or Rz Ry Rx."""
    turns = []
    for axis, angle in enumerate(angles):
        c, s = math.cos(angle), math.sin(angle)
        turn, (a, b) = np.eye(3), [n for n in range(3) if n != axis]
        turn[a, a] = turn[b, b] = c
        turn[a, b], turn[b, a] = (-s, s) if axis != 1 else (s, -s)
        turns.append(turn)
    x, y, z = turns
    return z @ y @ x if z_y_x else z @ x @ y


def _euler_angles(R: Matrix) -> tuple[float, float, float]:
    """Return the angles about x, y and z of which R is Rz Rx Ry; if x is a quarter turn, y is set to 0."""
    across = math.hypot(R[2, 0], R[2, 2])
    x = math.atan2(R[2, 1], across)
    if across < 1e-9:
        return x, 0.0, math.atan2(R[1, 0], R[0, 0])
    return x, math.atan2(-R[2, 0], R[2, 2]), math.atan2(-R[0, 1], R[1, 1])


def _similarity(parameters: NDArray[np.float64], _: bool) -> Matrix:
    """Return scale times the rotation of a versor, of which three parts are stored."""
    x, y, z = parameters[:3]
    w = math.sqrt(max(0.0, 1 - x * x - y * y - z * z))
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(parameters[6] * (np.eye(3) + 2 * w * cross + 2 * cross @ cross))


def _exponential(parameters: NDArray[np.float64], _: bool) -> Matrix:
    from scipy.linalg import expm

    return np.asarray(expm(parameters[:9].reshape(3, 3)))


MAKERS: Mapping[str, tuple[int, Callable[[NDArray[np.float64], bool], Matrix]]] = {
    "TranslationTransform": (3, lambda p, _: np.eye(3)),
    "EulerTransform": (6, lambda p, z_y_x: _rotation(p[:3], z_y_x)),
    "SimilarityTransform": (7, _similarity),
    "AffineTransform": (12, lambda p, _: p[:9].reshape(3, 3)),
    "AffineLogTransform": (12, _exponential),
}
"""Number of parameters of each transform, and the function that makes its 3x3 matrix of them."""
