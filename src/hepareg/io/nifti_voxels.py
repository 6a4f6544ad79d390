"""The voxels of a NIfTI file: their number and type, and the way from bytes to values and back."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import VoxelArray
from hepareg.errors import FileFormatError, ImageError
from hepareg.io.byte_stream import CHUNK_BYTES
from hepareg.io.content_digest import ContentDigest
from hepareg.io.nifti_header import COLOUR_TYPES, STORED_TYPES, Header

__all__ = ["read_pieces", "read_voxels", "shape_of", "stored_type_of", "voxel_pieces"]

MAX_BEYOND_BYTES = 1 << 26
"""How much may follow the voxels, beside as much again as they take: some programs append notes."""
BLOCK = 64
"""Edge of the blocks, in voxels, in which an array is brought into another order."""


def shape_of(header: Header) -> tuple[int, int, int]:
    """Return (I, J, K); trailing axes of length one are dropped."""
    num_axes = int(header["dim"][0])
    shape = [int(n) for n in header["dim"][1 : num_axes + 1]]
    if not 1 <= num_axes <= 7 or min(shape) < 1:
        raise FileFormatError(f"expected the size of an image in the NIfTI header, got {header['dim'].tolist()}")
    if any(n > 1 for n in shape[3:]):
        raise ImageError(f"expected a 3-D image, got {'x'.join(map(str, shape))}: split it and give one volume")
    i, j, k = [*shape, 1, 1][:3]
    return i, j, k


def stored_type_of(header: Header) -> np.dtype[Any]:
    """Return the type of the stored numbers, in the byte order of the file."""
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


def read_pieces(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield exactly ``size`` bytes in pieces, then run to the end so that gzip's checksum is verified.

    Raises
    ------
    EOFError
        If there are fewer bytes.
    FileFormatError
        If there are so many more that the file is no image but one that inflates without end.
    """
    for start in range(0, size, CHUNK_BYTES):
        wanted = min(CHUNK_BYTES, size - start)
        piece = stream.read(wanted)
        if len(piece) < wanted:
            raise EOFError
        yield piece
    beyond = 0
    while piece := stream.read(CHUNK_BYTES):
        beyond += len(piece)
        if beyond > size + MAX_BEYOND_BYTES:
            raise FileFormatError(
                f"expected {size} bytes of voxels, as the header says, got far more: is the header damaged?"
            )


def read_voxels(stream: BinaryIO, header: Header, shape: tuple[int, int, int]) -> tuple[VoxelArray, str]:
    """Read all voxels from their first byte on, in pieces, with the scaling applied.

    Returns
    -------
    data
        (I, J, K), first axis fastest; the type is chosen as `hepareg.io.nifti.read_nifti` says.
    digest
        `ContentDigest` of the bytes as stored.
    """
    stored = stored_type_of(header)
    slope, inter = _scaling_of(header)
    exact = stored.kind in "iu" and all(x.is_integer() and abs(x) < 2**31 for x in (slope, inter))
    kept = (slope, inter) == (1, 0) and stored.newbyteorder("=") in (np.uint8, np.int8, np.int16, np.float32)
    target = stored.newbyteorder("=") if kept else np.dtype(np.int16 if exact else np.float32)
    size = int(np.prod(shape, dtype=np.int64))
    data, digest, start = _empty(size, target, shape), ContentDigest(), 0
    for piece in read_pieces(stream, size * stored.itemsize):
        digest.update(piece)
        values = np.frombuffer(piece, stored)
        if (slope, inter) != (1, 0):
            with np.errstate(over="ignore", invalid="ignore"):
                values = values * slope + inter if not exact else values.astype(np.int64) * int(slope) + int(inter)
        if exact and not kept and data.dtype.kind == "i" and not _fits(values, data.dtype):
            data = _widened(data, start, values)
        with np.errstate(over="ignore"):  # beyond single precision: infinite, which the check of a CT refuses
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
    """Return a copy of the part read so far in int32, or in float64 if ``values`` exceed that too."""
    wider = np.empty(data.size, np.int32 if _fits(values, np.dtype(np.int32)) else np.float64)
    wider[:filled] = data[:filled]
    return wider


def voxel_pieces(data: VoxelArray) -> Iterator[bytes | memoryview]:
    """Yield the voxels with the first axis fastest; without a copy if they lie in that order already."""
    if data.flags.f_contiguous:
        flat = data.reshape(-1, order="F").view(np.uint8).data
        for start, stop in pairwise([*range(0, flat.nbytes, CHUNK_BYTES), flat.nbytes]):
            yield flat[start:stop]
    else:
        for first in range(0, data.shape[2], BLOCK):
            yield _turned(data[:, :, first : first + BLOCK]).reshape(-1).view(np.uint8).data


def _turned(data: VoxelArray) -> NDArray[Any]:
    """Return (K, J, I) in C order, block by block: a block fits the cache, whole rows and columns do not."""
    turned: NDArray[Any] = np.empty(data.shape[::-1], data.dtype)
    for i in range(0, data.shape[0], BLOCK):
        for j in range(0, data.shape[1], BLOCK):
            part = slice(i, i + BLOCK), slice(j, j + BLOCK)
            turned[:, part[1], part[0]] = data[part].transpose(2, 1, 0)
    return turned
