"""ITK's transform files (.tfm, .txt, .h5, .mat), as SimpleITK, ANTs, elastix and Slicer write them.

ITK's world is LPS and its transforms map fixed points to moving points, as ours do; the change of
world happens here. Read through SimpleITK; the one form that is written is plain text and needs
no library.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hepareg.arrays import Matrix
from hepareg.errors import FileFormatError, TransformError
from hepareg.geometry.rotations import homogeneous, rotation_vector
from hepareg.io.byte_stream import reading
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.transforms.linear import LPS_FROM_RAS

__all__ = ["read_itk_transform", "read_versor_text", "write_itk_transform"]

TEXT_MAGIC = b"#Insight Transform File"


def read_itk_transform(path: str | Path) -> AffineTransform:
    """Read a linear ITK transform: rigid (Euler, versor), similarity, affine, translation, or a chain of these.

    Returns
    -------
    AffineTransform
        moving_from_fixed in world RAS mm, exactly as stored; a rigid one in ANTs' single precision
        is orthonormal to 1e-7 only, so pass it through `RigidTransform` where that matters.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged, or holds no ITK transform.
    TransformError
        If the transform is not three-dimensional and linear.
    """
    import SimpleITK as sitk

    with reading(path, expected="an ITK transform"), open(path, "rb") as file:
        if file.read(len(TEXT_MAGIC)) == TEXT_MAGIC:
            _check_text(path)
    try:
        transform = sitk.ReadTransform(str(path))
    except (RuntimeError, UnicodeDecodeError) as error:  # the latter where ITK's message repeats a file's bytes
        raise FileFormatError(f"expected an ITK transform, got a file that ITK cannot read: {path}") from error
    return AffineTransform(LPS_FROM_RAS @ _matrix_of(transform) @ LPS_FROM_RAS)


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
        in an editor, not what it does.
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
    return AffineTransform(LPS_FROM_RAS @ homogeneous(R, np.array(translation) + centre - R @ centre) @ LPS_FROM_RAS)


def _check_text(path: str | Path) -> None:
    """Check what ITK lets pass: it crashes on parameters that are no numbers, and drops transforms after the first."""
    lines = Path(path).read_text("ascii").splitlines()
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


def _numbers(values: ArrayLike) -> str:
    return " ".join(f"{x + 0.0:.17g}" for x in np.asarray(values))


def _matrix_of(transform: Any) -> Matrix:
    """Return the (4, 4) LPS matrix of a SimpleITK transform."""
    transform = transform.Downcast()
    if transform.GetDimension() != 3:
        raise TransformError(f"expected a transform of 3-D points, got one of {transform.GetDimension()}-D points")
    if transform.GetName() == "CompositeTransform":
        matrix = np.eye(4)
        for n in range(transform.GetNumberOfTransforms()):  # the last one is applied first
            matrix = matrix @ _matrix_of(transform.GetNthTransform(n))
        return matrix
    if not transform.IsLinear():
        raise TransformError(
            f"expected a rigid or affine transform, got ITK's {transform.GetName()}, which bends: fit a rigid one first"
        )
    if not hasattr(transform, "GetMatrix"):
        offset = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
        return homogeneous(_columns(transform) - offset[:, None], offset)
    A, centre = np.array(transform.GetMatrix()).reshape(3, 3), np.array(transform.GetCenter())
    moved = getattr(transform, "GetTranslation", lambda: (0.0, 0.0, 0.0))()
    return homogeneous(A, np.array(moved) + centre - A @ centre)


def _columns(transform: Any) -> Matrix:
    return np.array([transform.TransformPoint(axis) for axis in np.eye(3).tolist()]).T
