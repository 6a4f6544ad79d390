"""The NIfTI header: its fields, and the two ways in which it places voxels in the world.

Read here rather than through nibabel, whose import alone takes longer than reading a volume; the
tests hold the two together.

References
----------
Cox, R. W. et al. A (sort of) new image data format standard: NIfTI-1. NeuroImage 22, 2004.
https://nifti.nimh.nih.gov/nifti-1
"""

import math
from itertools import product
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Matrix
from hepareg.errors import FileFormatError, ImageError
from hepareg.geometry.rotations import nearest_rotation, rotation_from_vector, rotation_vector

__all__ = [
    "STORED_TYPES",
    "Header",
    "geometry_of",
    "new_header",
    "place",
    "qform_matrix",
    "read_header",
    "sform_matrix",
]

Header = NDArray[Any]
"""0-d structured array with the fields of NIfTI-1 or NIfTI-2, in the byte order of the file."""

# fmt: off
NIFTI1 = np.dtype([
    ("sizeof_hdr", "i4"), ("data_type", "S10"), ("db_name", "S18"), ("extents", "i4"), ("session_error", "i2"),
    ("regular", "S1"), ("dim_info", "u1"), ("dim", "i2", 8), ("intent_p", "f4", 3), ("intent_code", "i2"),
    ("datatype", "i2"), ("bitpix", "i2"), ("slice_start", "i2"), ("pixdim", "f4", 8), ("vox_offset", "f4"),
    ("scl_slope", "f4"), ("scl_inter", "f4"), ("slice_end", "i2"), ("slice_code", "u1"), ("xyzt_units", "u1"),
    ("cal_max", "f4"), ("cal_min", "f4"), ("slice_duration", "f4"), ("toffset", "f4"), ("glmax", "i4"),
    ("glmin", "i4"), ("descrip", "S80"), ("aux_file", "S24"), ("qform_code", "i2"), ("sform_code", "i2"),
    ("quatern", "f4", 3), ("qoffset", "f4", 3), ("srow", "f4", (3, 4)), ("intent_name", "S16"), ("magic", "S4"),
])
NIFTI2 = np.dtype([
    ("sizeof_hdr", "i4"), ("magic", "S8"), ("datatype", "i2"), ("bitpix", "i2"), ("dim", "i8", 8),
    ("intent_p", "f8", 3), ("pixdim", "f8", 8), ("vox_offset", "i8"), ("scl_slope", "f8"), ("scl_inter", "f8"),
    ("cal_max", "f8"), ("cal_min", "f8"), ("slice_duration", "f8"), ("toffset", "f8"), ("slice_start", "i8"),
    ("slice_end", "i8"), ("descrip", "S80"), ("aux_file", "S24"), ("qform_code", "i4"), ("sform_code", "i4"),
    ("quatern", "f8", 3), ("qoffset", "f8", 3), ("srow", "f8", (3, 4)), ("slice_code", "i4"), ("xyzt_units", "i4"),
    ("intent_code", "i4"), ("intent_name", "S16"), ("dim_info", "u1"), ("unused_str", "S15"),
])
# fmt: on
STORED_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
"""NIfTI's data type codes of real numbers, as NumPy types without a byte order."""
COLOUR_TYPES = (128, 2304)
FREE_TEXT = ("data_type", "db_name", "descrip", "aux_file", "intent_name", "unused_str")
SCANNER = 1
MILLIMETRES = 2
MAGIC = {348: b"n+1\0", 540: b"n+2\0\r\n\x1a\n"}


def read_header(stream: BinaryIO) -> Header:
    """Read a NIfTI-1 or NIfTI-2 header from the start of a stream.

    Raises
    ------
    FileFormatError
        If the bytes are no NIfTI header, or it is of an Analyze file, which has no orientation.
    """
    start = stream.read(4)
    for layout in (
        NIFTI1.newbyteorder("<"),
        NIFTI1.newbyteorder(">"),
        NIFTI2.newbyteorder("<"),
        NIFTI2.newbyteorder(">"),
    ):
        if start == np.array(layout.itemsize, layout["sizeof_hdr"]).tobytes():
            raw = start + stream.read(layout.itemsize - 4)
            if len(raw) < layout.itemsize:
                raise EOFError
            header = np.frombuffer(raw, layout).reshape(()).copy()
            if bytes(header["magic"])[:3] not in (b"n+1", b"ni1", b"n+2", b"ni2"):
                raise FileFormatError("expected a NIfTI header, got an Analyze one, which has no orientation")
            return header
    raise FileFormatError("expected a NIfTI header, got other bytes; check the name and the file")


def new_header(shape: tuple[int, int, int], dtype: np.dtype[Any], *, version: int = 1) -> Header:
    """Return an empty header of NIfTI-1 or NIfTI-2 for a single file with ``shape`` voxels of a real type.

    Raises
    ------
    ImageError
        If NIfTI has no code for ``dtype``.
    """
    codes = [code for code, name in STORED_TYPES.items() if np.dtype(name) == dtype.newbyteorder("=")]
    if not codes:
        raise ImageError(f"expected voxels of a type that NIfTI can hold, got {dtype}: convert them, as to float32")
    layout = NIFTI1 if version == 1 else NIFTI2
    header = np.zeros((), layout.newbyteorder("<"))
    header["sizeof_hdr"] = layout.itemsize
    if version == 1:
        header["regular"] = b"r"
    header["dim"] = [3, *shape, 1, 1, 1, 1]
    header["datatype"] = codes[0]
    header["bitpix"] = 8 * dtype.itemsize
    header["pixdim"] = 1
    header["scl_slope"] = 1
    return header


def geometry_of(header: Header) -> Matrix:
    """Return ``world_from_voxel``: of the sform if it is set, else of the qform.

    Raises
    ------
    ImageError
        If neither is set, or the unit of length is not the millimetre.
    """
    unit = int(header["xyzt_units"]) & 7
    if unit not in (0, MILLIMETRES):
        raise ImageError(f"expected millimetres as the unit of length, got NIfTI unit code {unit}; correct the header")
    if header["sform_code"] > 0:
        return sform_matrix(header)
    if header["qform_code"] > 0:
        return qform_matrix(header)
    raise ImageError(
        "expected an orientation in the NIfTI header, got neither sform nor qform: "
        "left and right cannot be told apart; convert the image from DICOM again"
    )


def sform_matrix(header: Header) -> Matrix:
    """Return the (4, 4) float64 matrix of the sform rows."""
    return np.vstack([header["srow"].astype(np.float64), [0, 0, 0, 1]])


def qform_matrix(header: Header) -> Matrix:
    """Return the (4, 4) float64 matrix of the qform's quaternion, offset and spacing."""
    bcd = header["quatern"].astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        w_squared = 1 - bcd @ bcd
    if w_squared < -1e-5 or not np.isfinite(w_squared):
        raise ImageError("expected a unit quaternion in the NIfTI header's qform, got a longer one; repair the header")
    matrix = np.eye(4)
    matrix[:3, :3] = _rotation_of(bcd, math.sqrt(max(float(w_squared), 0.0))) * header["pixdim"][1:4].astype(np.float64)
    if header["pixdim"][0] < 0:
        matrix[:3, 2] *= -1
    matrix[:3, 3] = header["qoffset"]
    return matrix


def place(header: Header, world_from_voxel: Matrix) -> None:
    """Write a geometry into a header: sform and qform both, units mm; clear every free text and extension.

    Parameters
    ----------
    header
        Changed in place; its type of voxels and its scaling stay.
    world_from_voxel
        (4, 4) to world RAS mm. A left-handed one gets qfac -1, a flip of the third voxel axis.

    Notes
    -----
    The sform stores the matrix itself, rounded to the header's precision: in NIfTI-1 (float32) it is exact to 4e-5 mm.
    Readers take it first.

    The qform stores the spacings (the lengths of the columns) and a rotation: the nearest one to the columns divided
    by the spacings, so that a shear is lost. NIfTI-1 stores three components of the rotation's quaternion in float32,
    and readers compute the fourth. This loses precision near half turns, and a CT usually is half a turn from RAS (LPS
    order). `_stored_quaternion` therefore tries the float32 neighbours of the components and takes the best. The offset
    is chosen so that the grid's centre is mapped exactly as by ``world_from_voxel``.

    Error of the qform at the worst corner of a grid of 360 x 360 x 300 mm, over 150 random axes of rotation:

    ==========================  ==============
    Angle from a half turn      Largest error
    ==========================  ==============
    0 degrees                   none
    0.01 to 0.03 degrees        0.05 mm
    0.1 degrees                 0.016 mm
    1 degree                    0.0007 mm
    3 to 10 degrees             0.0002 mm
    20 degrees                  0.0001 mm
    ==========================  ==============

    Components that are only rounded give errors of up to 0.6 mm. A search among 26,000 neighbours found none that is
    better by more than a fifth, so this is about the limit of the format.
    """
    spacing = np.linalg.norm(world_from_voxel[:3, :3], axis=0)
    cosines = world_from_voxel[:3, :3] / spacing
    qfac = 1.0 if np.linalg.det(cosines) > 0 else -1.0
    cosines[:, 2] *= qfac
    header["magic"] = MAGIC[int(header["sizeof_hdr"])]
    header["vox_offset"] = int(header["sizeof_hdr"]) + 4
    header["xyzt_units"] = MILLIMETRES
    header["sform_code"] = header["qform_code"] = SCANNER
    header["srow"] = world_from_voxel[:3]
    header["pixdim"][0] = qfac
    header["pixdim"][1:4] = spacing
    header["quatern"] = _stored_quaternion(nearest_rotation(cosines), header["quatern"].dtype)
    header["qoffset"] = 0
    centre = (header["dim"][1:4].astype(np.float64) - 1) / 2
    header["qoffset"] = world_from_voxel[:3] @ [*centre, 1] - qform_matrix(header)[:3] @ [*centre, 1]
    for name in FREE_TEXT:
        if name in (header.dtype.names or ()):
            header[name] = b""


def _rotation_of(bcd: NDArray[np.float64], w: float) -> NDArray[np.float64]:
    length = np.linalg.norm(bcd)
    if length == 0:
        return np.eye(3)
    return rotation_from_vector(2 * np.arctan2(length, w) * bcd / length)


def _stored_quaternion(rotation: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the (3,) components b, c, d in the header's precision that give back the rotation most closely."""
    vector = rotation_vector(rotation)
    angle = float(np.linalg.norm(vector))
    axis = vector / angle if angle else vector
    exact, w = np.sin(angle / 2) * axis, np.cos(angle / 2)
    native = dtype.newbyteorder("=")
    nearest = exact.astype(native)
    if native.itemsize == 8:
        return nearest
    # A large component lies on a coarse lattice (6e-8): try the neighbours there, and let the smaller ones and the
    # one that is not stored make up for it in the sum of squares, from which readers take the latter.
    order = np.argsort(-np.abs(exact))
    steps = np.array(list(product(range(-3, 4), repeat=2)))
    candidates = np.zeros((len(steps), 3), native)
    free = np.append(exact[order], w)  # components left to place, largest stored one first
    for n, component in enumerate(order):
        left = np.maximum(1 - (candidates.astype(np.float64) ** 2).sum(axis=1), 0)
        placed = (free[n] * np.sqrt(left / max(free[n:] @ free[n:], 1e-300))).astype(native)
        candidates[:, component] = placed if n == 2 else placed + steps[:, n] * np.spacing(np.abs(placed))
    w_squared = 1 - (candidates.astype(np.float64) ** 2).sum(axis=1)
    cost = ((candidates - exact) ** 2).sum(axis=1) + (np.sqrt(np.maximum(w_squared, 0)) - w) ** 2
    return candidates[np.argmin(np.where(w_squared < -1e-7, np.inf, cost))]
