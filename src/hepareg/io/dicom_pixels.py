"""The pixels of DICOM slices in Hounsfield units, whatever transfer syntax they are stored in."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hepareg.errors import FileFormatError
from hepareg.io.dicom_files import DicomFile, read_dataset
from hepareg.io.dicom_headers import SliceHeader
from hepareg.io.foreign_warnings import pydicom_quiet
from hepareg.io.image_limits import check_room
from hepareg.io.itk_silence import silent_itk

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["decoded_frames", "read_pixels"]

BIG_ENDIAN = "1.2.840.10008.1.2.2"
UNCOMPRESSED = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", BIG_ENDIAN, "1.2.840.10008.1.2.1.99")
WITHOUT_GDCM = (*UNCOMPRESSED, "1.2.840.10008.1.2.5")
"""Syntaxes that pydicom decodes without plug-ins. GDCM ends the process on some damaged run lengths."""
HIGH_THROUGHPUT_JPEG_2000 = ("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203")
NEUTRAL = {"PhotometricInterpretation": "MONOCHROME2", "RescaleSlope": "1", "RescaleIntercept": "0"}
"""With these GDCM gives values as they are stored; it would turn MONOCHROME1 upside down and apply the rescale."""
MAX_WHOLE_SLOPE, MAX_WHOLE_INTERCEPT = 1 << 14, 1 << 24
"""Stored values of 16 bits fit into 32 bits after a rescale by these; a larger one is done in float32."""
ITEM = b"\xfe\xff\x00\xe0"
KEPT_FOR_GDCM = (
    "SamplesPerPixel", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData",
    "NumberOfFrames", "SOPClassUID", "SOPInstanceUID", "Modality",
)  # fmt: skip


def read_pixels(slices: Sequence[SliceHeader]) -> NDArray[Any]:
    """Return (K, rows, columns) HU: int16 or int32 if slope and intercept are whole numbers, else float32.

    Raises
    ------
    FileFormatError
        If pixels are missing, damaged, or compressed in a way that cannot be decoded.
    """
    whole = all(_is_whole(s.slope, MAX_WHOLE_SLOPE) and _is_whole(s.intercept, MAX_WHOLE_INTERCEPT) for s in slices)
    columns, rows = slices[0].size
    shape = (len(slices), rows, columns)
    check_room(shape[::-1], 4 * math.prod(shape))
    data = np.empty(0, np.int16 if whole else np.float32)
    for k, values in _stored_slices(slices):
        header = slices[k]
        if values.shape != (rows, columns):
            raise FileFormatError("expected the pixels that a DICOM header announces, got another number of them")
        if not data.size:  # only now is it known that the files hold pixels of this size
            data = np.empty(shape, data.dtype)
        if whole:
            values = values.astype(np.int32) * int(header.slope or 1) + int(header.intercept or 0)
            if data.dtype == np.int16 and (values.min() < -32768 or values.max() > 32767):
                data = data.astype(np.int32)
        else:
            values = values * np.float32(header.slope) + np.float32(header.intercept)
        data[k] = values
    return data


def _is_whole(value: float | None, largest: int) -> bool:
    return float(value or 0).is_integer() and abs(value or 0) <= largest


def _stored_slices(slices: Sequence[SliceHeader]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield number and (rows, columns) stored values of every slice, those of one file together."""
    places: dict[DicomFile, list[int]] = defaultdict(list)
    for k, header in enumerate(slices):
        places[header.file].append(k)
    for file, numbers in places.items():
        dataset = read_dataset(file)
        if dataset is None:
            raise FileFormatError("expected a DICOM file, got another one in its place; read again", listing=file.name)
        frames = decoded_frames(dataset, [slices[k].frame or 0 for k in numbers], name=file.name)
        yield from zip(numbers, frames, strict=True)


def decoded_frames(dataset: "Dataset", numbers: Sequence[int], *, name: str) -> Iterator[NDArray[Any]]:
    """Yield (rows, columns) stored values of frames of one image: through pydicom, or GDCM if it cannot decode.

    Parameters
    ----------
    dataset
        The whole image.
    numbers
        Frames from 0.
    name
        Name of the file, for the listing of an error.

    Raises
    ------
    FileFormatError
        If pixels are missing, damaged, or compressed in a way that cannot be decoded.
    """
    with pydicom_quiet():
        try:
            with silent_itk():  # the decoders' own libraries write past Python as ITK does
                decoded = _by_pydicom(dataset, numbers)
            yield from decoded
            return
        except Exception as error:  # plug-ins have no one error
            if dataset.file_meta.TransferSyntaxUID in WITHOUT_GDCM:
                raise FileFormatError(
                    "expected the pixels of a DICOM image, got a truncated or damaged file; copy it again", listing=name
                ) from error
        yield from _by_gdcm(dataset, numbers, name)


def _by_pydicom(dataset: "Dataset", numbers: Sequence[int]) -> list[NDArray[Any]]:
    from pydicom.pixels import get_decoder

    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax in UNCOMPRESSED and dataset["PixelData"].is_undefined_length:
        raise ValueError("compressed pixels in a file that does not say so would be read as noise")
    if dataset.BitsAllocated == 1 and syntax in UNCOMPRESSED and syntax != BIG_ENDIAN:
        if 8 * len(dataset.PixelData) < int(dataset.get("NumberOfFrames") or 1) * dataset.Rows * dataset.Columns:
            raise EOFError
        return [_bits_of_frame(dataset, number) for number in numbers]
    decoder = get_decoder(syntax)
    return [decoder.as_array(dataset, index=number, raw=True)[0] for number in numbers]


def _bits_of_frame(dataset: "Dataset", number: int) -> NDArray[Any]:
    """Return a frame of single bits, which follow one another without padding: a frame may begin within a byte."""
    size = int(dataset.Rows) * int(dataset.Columns)
    byte, bit = divmod(number * size, 8)
    packed = np.frombuffer(dataset.PixelData, np.uint8)[byte : byte + -(-(bit + size) // 8)]
    return np.unpackbits(packed, bitorder="little")[bit : bit + size].reshape(dataset.Rows, dataset.Columns)


def _by_gdcm(dataset: "Dataset", numbers: Sequence[int], name: str) -> Iterator[NDArray[Any]]:
    """Yield frames that ITK's GDCM decodes from a temporary copy with a rescale slope of 1 and an intercept of 0."""
    import SimpleITK as sitk
    from pydicom.dataset import Dataset

    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax in HIGH_THROUGHPUT_JPEG_2000:
        raise FileFormatError(
            f"expected pixels that can be decoded, got {syntax.name}: pip install 'hepareg[dicom]' to read it"
        )
    bare = Dataset()
    bare.file_meta = dataset.file_meta
    for keyword in KEPT_FOR_GDCM:
        if keyword in dataset:
            bare[keyword] = dataset[keyword]
    for keyword, value in NEUTRAL.items():
        setattr(bare, keyword, value)
    try:
        _check_items(dataset.PixelData)
        with TemporaryDirectory() as folder, silent_itk():
            path = Path(folder) / "pixels.dcm"
            bare.save_as(path, enforce_file_format=True)
            stored = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    except Exception as error:
        raise FileFormatError(
            f"expected pixels that can be decoded, got {syntax.name} that neither pydicom nor GDCM decodes, "
            "or damaged data; decompress the series first, for example with `gdcmconv --raw`",
            listing=name,
        ) from error
    frames = stored.reshape(-1, *stored.shape[-2:])
    for number in numbers:
        yield frames[number]


def _check_items(pixels: bytes) -> None:
    """Check the lengths of compressed pixels' items, for which GDCM takes memory unchecked; ValueError if one is false.

    References
    ----------
    DICOM PS3.5, A.4 (encapsulated pixel data).
    """
    place = 0
    while pixels[place : place + 4] == ITEM:
        place += 8 + int.from_bytes(pixels[place + 4 : place + 8], "little")
    if place == 0 or place > len(pixels):
        raise ValueError("an item of the pixels is longer than they are")
