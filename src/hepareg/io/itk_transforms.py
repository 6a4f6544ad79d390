"""ITK's transform files (text, HDF5, MATLAB 4), as SimpleITK, ANTs, elastix and Slicer write them.

ITK's world is LPS and its transforms map fixed points to moving points, as ours do; the change of
world happens here. Read through SimpleITK; the one form that is written is plain text and needs
no library.
"""

import os
import re
import struct
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hepareg.arrays import Matrix
from hepareg.errors import FileFormatError, TransformError
from hepareg.geometry.rotations import homogeneous, rotation_vector
from hepareg.io.byte_stream import decoded, reading
from hepareg.io.itk_silence import silent_itk
from hepareg.transforms import AffineTransform, RigidTransform

__all__ = ["itk_kind_of", "read_itk_transform", "read_versor_text", "write_itk_transform"]

TEXT_MAGIC = b"#Insight Transform File"
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MATLAB = re.compile(rb"\A[\0-\xff]{20}\w*Transform\w*_\d_\d\0", re.DOTALL)
"""A MATLAB 4 file: five integers, then the name of its first matrix, which is that of an ITK transform."""
SAME_PARAMETERS = ("Rigid3DTransform", "ScalableAffineTransform", "FixedCenterOfRotationAffineTransform")
"""Types with the parameters of an affine transform that SimpleITK does not take apart."""
REACH_MM = 100.0
"""How far along each axis a linear transform without a matrix is looked at."""
SUFFIX_OF_KIND = {"text": ".tfm", "hdf5": ".h5", "matlab": ".mat"}


def read_itk_transform(path: str | Path) -> AffineTransform:
    """Read a linear ITK transform: rigid (Euler, versor), similarity, affine, translation, or a chain of these.

    Returns
    -------
    AffineTransform
        moving_from_fixed in world RAS mm, exactly as stored; a rigid one in ANTs' single precision
        is orthonormal to 1e-7 only, so pass it through `RigidTransform` if that matters.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged, or holds no ITK transform.
    TransformError
        If the transform is not three-dimensional and linear.
    """
    with reading(path, expected="an ITK transform"), open(path, "rb") as file:
        start = file.read(4096)
        kind = itk_kind_of(start)
        if kind == "text":
            file.seek(0)
            transform = _read_as(kind, _checked_text(decoded(file.read()), path).encode(), path)
        elif kind == "matlab":
            file.seek(0)
            transform = _read_as(kind, _checked_matlab(file.read(), path), path)
        else:
            if kind == "hdf5":
                _check_hdf5(start, file.seek(0, os.SEEK_END), path)
            is_named = kind != "hdf5" or Path(path).suffix == SUFFIX_OF_KIND[kind]
            file.seek(0)
            transform = _read_by_itk(path, path) if is_named else _read_as("hdf5", file.read(), path)
    return AffineTransform.from_lps(_matrix_of(transform))


def itk_kind_of(start: bytes) -> str | None:
    """Return ``text``, ``hdf5`` or ``matlab`` for the first bytes of an ITK transform, or None for other files."""
    if start.removeprefix(BYTE_ORDER_MARK).lstrip().startswith(TEXT_MAGIC):
        return "text"
    if start.startswith(HDF5_MAGIC):
        return "hdf5"
    return "matlab" if MATLAB.match(start) else None


def write_itk_transform(path: str | Path, transform: RigidTransform, *, centre_mm: ArrayLike = (0.0, 0.0, 0.0)) -> None:
    """Write a rigid transform as ITK's VersorRigid3DTransform in text (.tfm).

    Parameters
    ----------
    path
        Name ending in ``.tfm`` or ``.txt``.
    transform
        moving_from_fixed, world RAS mm.
    centre_mm
        (3,) world RAS point that is stored as the centre of rotation. It changes how the file looks
        in an editor, not its effect.
    """
    lps = transform.matrix_lps
    centre = np.asarray(centre_mm, dtype=np.float64) * [-1, -1, 1]
    translation = lps[:3, :3] @ centre + lps[:3, 3] - centre
    vector = rotation_vector(lps[:3, :3])
    angle = np.linalg.norm(vector)
    versor = 0.5 * np.sinc(angle / (2 * np.pi)) * vector
    Path(path).write_text(
        "#Insight Transform File V1.0\n"
        "#Transform 0\n"
        "Transform: VersorRigid3DTransform_double_3_3\n"
        f"Parameters: {_numbers([*versor, *translation])}\n"
        f"FixedParameters: {_numbers(centre)}\n"
    )


def read_versor_text(path: str | Path) -> AffineTransform:
    """Read a file that `write_itk_transform` wrote, without ITK; for all other files there is `read_itk_transform`.

    The versor's fourth component follows from the three that are stored, so that the result is a
    rotation to rounding, as it is for ITK.

    Raises
    ------
    FileFormatError
        If it is no such file.
    """
    with reading(path, expected="an ITK transform"):
        fields = dict(line.split(": ", 1) for line in Path(path).read_text("utf-8").splitlines() if ": " in line)
    if not fields.get("Transform", "").startswith("VersorRigid3DTransform"):
        raise FileFormatError(f"expected ITK's VersorRigid3DTransform as text, got another file: {path}")
    x, y, z, *translation = (float(number) for number in fields["Parameters"].split())
    centre = np.array(fields["FixedParameters"].split(), dtype=np.float64)
    w = np.sqrt(max(0.0, 1 - x * x - y * y - z * z))
    R = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    return AffineTransform.from_lps(homogeneous(R, np.array(translation) + centre - R @ centre))


def _read_as(kind: str, content: bytes, path: str | Path) -> Any:
    """Read content through a temporary file whose suffix is the one that ITK wants for its kind."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"transform{SUFFIX_OF_KIND[kind]}"
        copy.write_bytes(content)
        return _read_by_itk(copy, path)


def _read_by_itk(file: str | Path, path: str | Path) -> Any:
    import SimpleITK as sitk

    try:
        with silent_itk():
            # The public function looks for a class of SimpleITK's own, and has none for some of ITK's linear types.
            return getattr(sitk, "_SimpleITK", sitk).ReadTransform(str(file))
    except (RuntimeError, UnicodeDecodeError) as error:  # the latter if ITK's message repeats a file's bytes
        raise FileFormatError(f"expected an ITK transform, got a file that ITK cannot read: {path}") from error


def _checked_matlab(raw: bytes, path: str | Path) -> bytes:
    """Return a MATLAB 4 file whose matrices fit into it; ITK takes as much memory as a damaged header asks for."""
    place = 0
    while place < len(raw):
        if place + 20 > len(raw):
            raise FileFormatError(f"expected an ITK transform, got a truncated file: {path}; copy or export it again")
        numbers = next((n for n in (_header(raw, place, order) for order in "<>") if n is not None), None)
        if numbers is None:
            raise FileFormatError(f"expected an ITK transform, got a damaged file: {path}; copy or export it again")
        place += 20 + numbers
    return raw


def _header(raw: bytes, place: int, order: str) -> int | None:
    """Return how many bytes a matrix takes after its header of five integers, or None if it does not fit."""
    kind, rows, columns, imaginary, name = struct.unpack_from(f"{order}5i", raw, place)
    size = name + rows * columns * (4 if kind // 10 % 10 == 1 else 8)
    fits = min(rows, columns, name) >= 0 and imaginary == 0 and 0 <= kind < 5000
    return size if fits and place + 20 + size <= len(raw) else None


def _check_hdf5(start: bytes, size: int, path: str | Path) -> None:
    """Check that an HDF5 file of ``size`` bytes ends where its beginning says; HDF5 crashes on some that do not.

    References
    ----------
    HDF5 file format specification, II.A (superblock), https://docs.hdfgroup.org/hdf5/v1_14/_f_m_t3.html
    """
    place = {0: 40, 1: 44, 2: 28, 3: 28}.get(start[8]) if len(start) > 52 else None
    if place is None or int.from_bytes(start[place : place + 8], "little") != size:
        raise FileFormatError(f"expected an ITK transform, got a damaged HDF5 file: {path}; copy or export it again")


def _checked_text(text: str, path: str | Path) -> str:
    """Return a text that ITK reads well: it crashes on parameters that are no numbers, and drops later transforms.

    Types with the parameters of an affine transform that ITK's reader does not know become affine ones.
    """
    lines = text.strip().splitlines()
    try:
        for line in lines:
            if line.startswith(("Parameters:", "FixedParameters:")):
                np.array(line.partition(":")[2].split(), dtype=np.float64)
    except ValueError as error:
        raise FileFormatError(f"expected numbers as an ITK transform's parameters, got other text: {path}") from error
    names = [line for line in lines if line.startswith("Transform:")]
    if len(names) > 1 and "CompositeTransform" not in names[0]:
        raise FileFormatError(
            f"expected one ITK transform or a composite one, got a list of {len(names)}: {path}; compose them first"
        )
    known = re.sub(
        rf"^(Transform: )({'|'.join(SAME_PARAMETERS)})_", r"\1AffineTransform_", "\n".join(lines), flags=re.M
    )
    return known + "\n"


def _numbers(values: ArrayLike) -> str:
    return " ".join(f"{x + 0.0:.17g}" for x in np.asarray(values))


def _matrix_of(transform: Any) -> Matrix:
    """Return the (4, 4) LPS matrix of a SimpleITK transform."""
    with suppress(RuntimeError, KeyError):
        transform = transform.Downcast()
    if transform.GetDimension() != 3:
        raise TransformError(f"expected a transform of 3-D points, got one of {transform.GetDimension()}-D points")
    if not transform.IsLinear():
        raise TransformError(
            f"expected a rigid or affine transform, got ITK's {transform.GetName()} that bends: fit a rigid one first"
        )
    if not hasattr(transform, "GetMatrix"):
        offset = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
        return homogeneous((_images_of_axes(transform) - offset[:, None]) / REACH_MM, offset)
    A, centre = np.array(transform.GetMatrix()).reshape(3, 3), np.array(transform.GetCenter())
    moved = getattr(transform, "GetTranslation", lambda: (0.0, 0.0, 0.0))()
    with np.errstate(over="ignore", invalid="ignore"):  # numbers of a damaged file; what overflows is refused
        return homogeneous(A, np.array(moved) + centre - A @ centre)


def _images_of_axes(transform: Any) -> Matrix:
    return np.array([transform.TransformPoint(axis) for axis in (REACH_MM * np.eye(3)).tolist()]).T
