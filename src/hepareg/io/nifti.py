"""NIfTI images (.nii, .nii.gz, .hdr/.img): reading, writing, and moving an image by its header alone."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Matrix, VoxelArray
from hepareg.errors import FileFormatError, ImageError
from hepareg.geometry import Grid
from hepareg.io.byte_stream import CHUNK_BYTES, open_bytes, reading, write_bytes
from hepareg.io.content_digest import ContentDigest
from hepareg.io.nifti_header import COLOUR_TYPES, STORED_TYPES, Header, geometry_of, new_header, place, read_header
from hepareg.volume import Provenance, Volume

__all__ = ["is_nifti", "read_nifti", "write_nifti", "write_with_matrix"]

EXPECTED = "a NIfTI image"

EXACT_MM = 1e-9


def is_nifti(path: str | Path) -> bool:
    """Return whether the name is that of a NIfTI file."""
    return Path(path).name.lower().endswith((".nii", ".nii.gz", ".hdr", ".img", ".hdr.gz", ".img.gz"))


def read_nifti(path: str | Path) -> Volume:
    """Read a 3-D NIfTI-1 or NIfTI-2 image with its scaling applied.

    Voxels stay in their stored type where the file has no scaling; whole numbers with a whole
    intercept and slope 1 become int16 where they fit (a CT is not blown up to floats), else int32;
    all other scaling gives float32. The geometry is that of the sform where its code is set, else of
    the qform. The file is read once, in pieces, into one array (in the file's order: first axis
    fastest), so that memory peaks at the size of the result.

    Raises
    ------
    FileFormatError
        If the file cannot be read, is truncated, or is no NIfTI image.
    ImageError
        If the image is not three-dimensional, has colours or complex numbers, or has no orientation.
    """
    header_path, data_path = _files_of(path)
    with reading(path, expected=EXPECTED):
        with open_bytes(header_path) as stream:
            header = _read_header(stream, path)
            grid = Grid(_shape_of(header), geometry_of(header))
            offset = _offset_of(header, is_pair=header_path != data_path)
            if header_path == data_path:
                stream.read(offset - int(header["sizeof_hdr"]))
                data, digest = _read_voxels(stream, header, grid.shape)
        if header_path != data_path:
            with open_bytes(data_path) as stream:
                stream.read(offset)
                data, digest = _read_voxels(stream, header, grid.shape)
    return Volume(data, grid, provenance=Provenance(file_format="nifti", content_digest=digest))


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
        Write NIfTI-2 where the float32 geometry of NIfTI-1 would move a corner by more than 1e-9
        mm; NIfTI-2 holds it in float64.
    """
    data = volume.data.view(np.uint8) if volume.data.dtype == bool else volume.data
    little = data.dtype.newbyteorder("<")
    header = new_header(volume.shape, little)
    place(header, volume.grid.world_from_voxel)
    if exact_geometry and _corner_shift_mm(header, volume.grid) > EXACT_MM:
        header = new_header(volume.shape, little, version=2)
        place(header, volume.grid.world_from_voxel)
    write_bytes(path, _file_pieces(header, _voxel_pieces(data.astype(little, copy=False))))


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
    shape = _shape_of(header)
    offset = _offset_of(header, is_pair=header_path != data_path)
    size = int(np.prod(shape, dtype=np.int64)) * _stored_type_of(header).itemsize
    place(header, Grid(shape, world_from_voxel).world_from_voxel)
    write_bytes(path, _file_pieces(header, _stored_pieces(data_path, offset, size)))


def _corner_shift_mm(header: Header, grid: Grid) -> float:
    """Return how far a header's sform puts the grid's corners from where they are."""
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


def _shape_of(header: Header) -> tuple[int, int, int]:
    num_axes = int(header["dim"][0])
    shape = [int(n) for n in header["dim"][1 : num_axes + 1]]
    if not 1 <= num_axes <= 7 or min(shape) < 1:
        raise FileFormatError(f"expected the size of an image in the NIfTI header, got {header['dim'].tolist()}")
    if any(n > 1 for n in shape[3:]):
        raise ImageError(f"expected a 3-D image, got {'x'.join(map(str, shape))}: split it and give one volume")
    i, j, k = [*shape, 1, 1][:3]
    return i, j, k


def _offset_of(header: Header, *, is_pair: bool) -> int:
    """Return where the voxels begin; a single file that leaves it open has them right after the header."""
    offset = float(header["vox_offset"])
    if not 0 <= offset < 2**31:
        raise FileFormatError(f"expected the place of the voxels in the NIfTI header, got {offset}; repair the header")
    return int(offset) if is_pair else max(int(offset), int(header["sizeof_hdr"]) + 4)


def _stored_type_of(header: Header) -> np.dtype[Any]:
    code = int(header["datatype"])
    if code in COLOUR_TYPES:
        raise ImageError("expected one value per voxel, got a colour image; give the CT itself, not a picture of it")
    if code not in STORED_TYPES:
        raise ImageError(f"expected real numbers as voxels, got NIfTI data type {code}; convert the image to int16")
    return np.dtype(STORED_TYPES[code]).newbyteorder(header.dtype["sizeof_hdr"].byteorder)


def _scaling_of(header: Header) -> tuple[float, float]:
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not np.isfinite(slope):
        return 1.0, 0.0
    if not np.isfinite(inter):
        raise ImageError("expected a finite intercept beside the NIfTI header's slope; repair the header")
    return slope, inter


def _read_pieces(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield exactly ``size`` bytes in pieces, then run to the end so that gzip's checksum is verified."""
    for start in range(0, size, CHUNK_BYTES):
        wanted = min(CHUNK_BYTES, size - start)
        piece = stream.read(wanted)
        if len(piece) < wanted:
            raise EOFError
        yield piece
    while stream.read(CHUNK_BYTES):
        pass


def _stored_pieces(path: Path, offset: int, size: int) -> Iterator[bytes]:
    with reading(path, expected=EXPECTED), open_bytes(path) as stream:
        stream.read(offset)
        yield from _read_pieces(stream, size)


def _read_voxels(stream: BinaryIO, header: Header, shape: tuple[int, int, int]) -> tuple[VoxelArray, str]:
    stored = _stored_type_of(header)
    slope, inter = _scaling_of(header)
    exact = stored.kind in "iu" and slope.is_integer() and inter.is_integer()
    kept = stored.newbyteorder("=")
    if (slope, inter) == (1, 0) and kept in (np.uint8, np.int8, np.int16, np.float32):
        target = kept
    else:
        target = np.dtype(np.int16) if exact else np.dtype(np.float32)
    size = int(np.prod(shape, dtype=np.int64))
    data, digest, start = _empty(size, target, shape), ContentDigest(), 0
    for piece in _read_pieces(stream, size * stored.itemsize):
        digest.update(piece)
        values = np.frombuffer(piece, stored)
        if (slope, inter) != (1, 0):
            values = values * slope + inter if not exact else values.astype(np.int64) * int(slope) + int(inter)
        if data.dtype.kind == "i" and data.dtype != kept and not _fits(values, data.dtype):
            data = _widened(data, start, values)
        data[start : start + values.size] = values
        start += values.size
    return data.reshape(shape, order="F"), digest.hexdigest()


def _empty(size: int, dtype: np.dtype[Any], shape: tuple[int, int, int]) -> NDArray[Any]:
    try:
        return np.empty(size, dtype)
    except MemoryError as error:
        raise FileFormatError(
            f"expected an image that fits into memory, got {'x'.join(map(str, shape))} voxels; is the header damaged?"
        ) from error


def _fits(values: NDArray[Any], dtype: np.dtype[Any]) -> bool:
    limits = np.iinfo(dtype)
    return bool(limits.min <= values.min() and values.max() <= limits.max)


def _widened(data: NDArray[Any], filled: int, values: NDArray[Any]) -> NDArray[Any]:
    """Return a copy of the part read so far in int32, or in float64 where ``values`` exceed that too."""
    wider = np.empty(data.size, np.int32 if _fits(values, np.dtype(np.int32)) else np.float64)
    wider[:filled] = data[:filled]
    return wider


def _file_pieces(header: Header, voxels: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    yield header.tobytes()
    yield bytes(4)  # no extensions
    yield from voxels


def _voxel_pieces(data: VoxelArray) -> Iterator[bytes | memoryview]:
    """Yield the voxels with the first axis fastest; without a copy where they lie in that order already."""
    if data.flags.f_contiguous:
        flat = data.reshape(-1, order="F").view(np.uint8).data
        for start, stop in pairwise([*range(0, flat.nbytes, CHUNK_BYTES), flat.nbytes]):
            yield flat[start:stop]
    else:
        for k in range(data.shape[2]):
            yield data[:, :, k].tobytes(order="F")
