"""NIfTI images (.nii, .nii.gz, .hdr/.img): reading, writing, and moving an image by its header alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from hepareg.arrays import Matrix
from hepareg.errors import FileFormatError
from hepareg.geometry import Grid
from hepareg.io.byte_stream import is_packed, open_bytes, reading, write_bytes
from hepareg.io.image_limits import check_placement, check_stored_bytes
from hepareg.io.nifti_forms import agreed_geometry
from hepareg.io.nifti_header import Header, geometry_of, new_header, place, qform_matrix, read_header, sform_matrix
from hepareg.io.nifti_voxels import read_pieces, read_voxels, shape_of, stored_type_of, voxel_pieces
from hepareg.volume import Provenance, Volume

__all__ = [
    "NIFTI_SUFFIXES",
    "is_nifti",
    "read_forms",
    "read_geometry",
    "read_nifti",
    "write_nifti",
    "write_with_matrix",
]

EXPECTED = "a NIfTI image"
NIFTI_SUFFIXES = (".nii", ".nii.gz", ".hdr", ".hdr.gz", ".img", ".img.gz")

EXACT_MM = 1e-9


def is_nifti(path: str | Path) -> bool:
    """Return whether the name is that of a NIfTI file."""
    return Path(path).name.lower().endswith(NIFTI_SUFFIXES)


def read_nifti(path: str | Path, *, geometry: str | None = None) -> Volume:
    """Read a 3-D NIfTI-1 or NIfTI-2 image with its scaling applied.

    Voxels stay in their stored type if the file has no scaling; whole numbers with a whole
    intercept and slope 1 become int16 if they fit (a CT is not blown up to floats), else int32;
    all other scaling gives float32. The geometry is that of the sform if its code is set, else of
    the qform; if both are set and put a corner at places more than 1 mm apart, ``geometry`` has to say
    which holds, and from 0.05 mm on the provenance has a note. The file is read once, in pieces, into one array
    (in the file's order: first axis fastest), so that memory peaks at the size of the result.

    Parameters
    ----------
    path
        Name of the file, or of one of a pair.
    geometry
        ``sform`` or ``qform``: which of the two holds if they disagree.

    Raises
    ------
    FileFormatError
        If the file cannot be read, is truncated, or is no NIfTI image.
    ImageError
        If the image is not three-dimensional, has colours or complex numbers, has no orientation or two that
        contradict each other, or has voxels of a size that no CT has.
    """
    header_path, data_path = _files_of(path)
    with reading(path, expected=EXPECTED):
        with open_bytes(header_path) as stream:
            header = _read_header(stream, path)
            shape = shape_of(header)
            offset = _offset_of(header, is_pair=header_path != data_path)
            if header_path == data_path:
                _check_size(header, shape, data_path, offset, is_packed=is_packed(stream))
            matrix, notes = agreed_geometry(header, shape, choice=geometry)
            grid = Grid(shape, matrix)
            check_placement(grid)
            if header_path == data_path:
                stream.read(offset - int(header["sizeof_hdr"]))
                data, digest = read_voxels(stream, header, grid.shape)
        if header_path != data_path:
            with open_bytes(data_path) as stream:
                _check_size(header, shape, data_path, offset, is_packed=is_packed(stream))
                stream.read(offset)
                data, digest = read_voxels(stream, header, grid.shape)
    return Volume(data, grid, provenance=Provenance(file_format="nifti", content_digest=digest, notes=notes))


def read_geometry(path: str | Path) -> Matrix:
    """Read (4, 4) world_from_voxel of a NIfTI file, and nothing else of it.

    Raises
    ------
    FileFormatError
        If the file cannot be read or is no NIfTI image.
    ImageError
        If it has no orientation.
    """
    with reading(path, expected=EXPECTED), open_bytes(_files_of(path)[0]) as stream:
        return geometry_of(_read_header(stream, path))


def read_forms(path: str | Path) -> tuple[Matrix, Matrix]:
    """Read (4, 4) world_from_voxel of a NIfTI file twice: of its sform and of its qform, set or not."""
    with reading(path, expected=EXPECTED), open_bytes(_files_of(path)[0]) as stream:
        header = _read_header(stream, path)
    return sform_matrix(header), qform_matrix(header)


def write_nifti(path: str | Path, volume: Volume, *, exact_geometry: bool = False) -> None:
    """Write a volume as NIfTI-1, sform and qform both set; the same volume gives the same bytes.

    bool becomes uint8, float64 stays. Nothing of the volume's provenance is written.

    Parameters
    ----------
    path
        Name ending in ``.nii`` or ``.nii.gz``.
    volume
        Image, mask or label map.
    exact_geometry
        Write NIfTI-2 if the float32 geometry of NIfTI-1 would move a corner by more than 1e-9
        mm; NIfTI-2 holds it in float64.
    """
    data = volume.data.view(np.uint8) if volume.data.dtype == bool else volume.data
    little = data.dtype.newbyteorder("<")
    header = new_header(volume.shape, little)
    place(header, volume.grid.world_from_voxel)
    if exact_geometry and _corner_shift_mm(header, volume.grid) > EXACT_MM:
        header = new_header(volume.shape, little, version=2)
        place(header, volume.grid.world_from_voxel)
    write_bytes(path, _file_pieces(header, voxel_pieces(data.astype(little, copy=False))))


def write_with_matrix(source: str | Path, path: str | Path, world_from_voxel: Matrix) -> None:
    """Write a NIfTI file again at another place in the world, without touching a voxel.

    The stored numbers and scl_slope/scl_inter are copied byte for byte; sform and qform both take
    the new matrix (codes: scanner); free-text fields and extensions are cleared, as they may
    identify a patient. Slice timing and intent fields stay.

    Parameters
    ----------
    source
        NIfTI file whose voxels are taken.
    path
        Name to write, ending in ``.nii`` or ``.nii.gz``.
    world_from_voxel
        (4, 4) new placement. For the result of a registration it is
        ``moving_from_fixed.inverse() @ old``.
    """
    header_path, data_path = _files_of(source)
    with reading(source, expected=EXPECTED), open_bytes(header_path) as stream:
        header = _read_header(stream, source)
    shape = shape_of(header)
    offset = _offset_of(header, is_pair=header_path != data_path)
    size = int(np.prod(shape, dtype=np.int64)) * stored_type_of(header).itemsize
    place(header, Grid(shape, world_from_voxel).world_from_voxel)
    write_bytes(path, _file_pieces(header, _stored_pieces(data_path, offset, size)))


def _corner_shift_mm(header: Header, grid: Grid) -> float:
    """Return the largest distance of the grid's corners from their positions under a header's sform."""
    return float(np.abs(Grid(grid.shape, geometry_of(header)).corners_mm - grid.corners_mm).max())


def _files_of(path: str | Path) -> tuple[Path, Path]:
    """Return header file and data file; one and the same but for .hdr/.img pairs."""
    path = Path(path)
    for pair in ((".hdr", ".img"), (".hdr.gz", ".img.gz")):
        for suffix in pair:
            if path.name.lower().endswith(suffix):
                stem = path.name[: -len(suffix)]
                return path.with_name(stem + pair[0]), path.with_name(stem + pair[1])
    return path, path


def _read_header(stream: BinaryIO, path: str | Path) -> Header:
    try:
        return read_header(stream)
    except FileFormatError as error:
        raise FileFormatError(f"{error}: {path}") from error


def _offset_of(header: Header, *, is_pair: bool) -> int:
    """Return the offset of the voxels in bytes; if a single file leaves it open, they follow the header."""
    offset = float(header["vox_offset"])
    if not 0 <= offset < 2**31:
        raise FileFormatError(f"expected the place of the voxels in the NIfTI header, got {offset}; repair the header")
    return int(offset) if is_pair else max(int(offset), int(header["sizeof_hdr"]) + 4)


def _check_size(header: Header, shape: tuple[int, int, int], path: Path, offset: int, *, is_packed: bool) -> None:
    """Check that the file with the voxels can hold as many as the header says."""
    size = path.stat().st_size
    available = size if is_packed else max(size - offset, 0)
    encoding = "gzip" if is_packed else "raw"
    check_stored_bytes(shape, stored_type_of(header).itemsize, available=available, encoding=encoding)


def _stored_pieces(path: Path, offset: int, size: int) -> Iterator[bytes]:
    with reading(path, expected=EXPECTED), open_bytes(path) as stream:
        stream.read(offset)
        yield from read_pieces(stream, size)


def _file_pieces(header: Header, voxels: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    yield header.tobytes()
    yield bytes(4)  # no extensions
    yield from voxels
