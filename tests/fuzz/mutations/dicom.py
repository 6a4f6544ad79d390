"""Mutations of DICOM's attributes: values, counts, types, sequences and pixels, written again as a valid stream."""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from hepareg.io.foreign_warnings import pydicom_quiet
from tests.fuzz.mutations.bombs import deflated_bomb
from tests.fuzz.mutations.raw_bytes import Mutation, Random

__all__ = ["DEFLATED", "DICOM"]

NUMBERS = (
    "0",
    "-1",
    "1",
    "65535",
    "2147483648",
    "-2147483649",
    "99999999999",
    "nan",
    "inf",
    "1e308",
    "1e-320",
    "",
    "x",
    "1\\2",
    "1.5",
)
TEXTS = (
    "",
    "A" * 70000,
    "\x1b[2J",
    "\\\\\\",
    "1.2.3",
    "CT",
    "BINARY",
    "LABELMAP",
    "99999999",
    "M\xfcller^=\\",
    "20260101",
    "246060.5",
)
WHOLE = (0, 1, 2, 7, 8, 12, 16, 32, 64, 255, 1000, 30000, 65535)
PIXEL_ATTRIBUTES = (
    "Rows", "Columns", "NumberOfFrames", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "SamplesPerPixel",
    "PhotometricInterpretation", "PlanarConfiguration", "ImagePositionPatient", "ImageOrientationPatient",
    "PixelSpacing",
    "RescaleSlope", "RescaleIntercept", "SegmentationType", "MaximumFractionalValue", "SliceThickness",
    "SpacingBetweenSlices", "ContourData", "NumberOfContourPoints", "ContourGeometricType", "SegmentNumber",
    "ReferencedSegmentNumber", "ReferencedROINumber", "ROINumber", "SOPClassUID", "SeriesInstanceUID", "Modality",
    "SpecificCharacterSet", "PatientID", "AcquisitionTime", "SeriesNumber", "ImageType",
)  # fmt: skip
SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99",
"1.2.840.10008.1.2.5",
            "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90",
            "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.102", "1.2.3", "")  # fmt: skip


def _elements(dataset: Dataset) -> Iterator[tuple[Dataset, Any]]:
    """Yield every element of a data set and of its sequences, with the data set that it is in."""
    for element in dataset:
        yield dataset, element
        if element.VR == "SQ":
            for item in element.value:
                yield from _elements(item)


def _read(raw: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(raw), force=True)


def _written(dataset: Dataset, raw: bytes) -> bytes:
    """Return a data set as a file; one that pydicom refuses to write becomes a file with its bytes exchanged."""
    stream = io.BytesIO()
    try:
        dataset.save_as(stream)
    except Exception:  # a value that pydicom cannot write is no file
        return raw[:200] + raw[400:] + raw[200:400]
    return stream.getvalue()


def _changing(change) -> Mutation:
    """Return a mutation of a file from one of its data set."""

    def mutation(raw: bytes, random: Random) -> bytes:
        with pydicom_quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                dataset = _read(raw)
                change(dataset, random)
            except Exception:  # a file that an earlier mutation has damaged
                return raw[::-1]
            return _written(dataset, raw)

    return mutation


def _value(element: Any, random: Random) -> Any:
    kind = element.VR
    if kind in ("US", "SS", "UL", "SL"):
        return int(random.choice(WHOLE))
    if kind in ("FL", "FD"):
        return [float(random.choice([0, -1, float("nan"), float("inf"), 1e30])) for _ in range(max(1, element.VM))]
    if kind in ("DS", "IS"):
        number = NUMBERS[int(random.integers(len(NUMBERS)))]
        return number if random.random() < 0.3 else "\\".join([number] * max(1, element.VM))
    if kind in ("OB", "OW", "UN"):
        return random.bytes(int(random.integers(0, 40)) * 2)
    return TEXTS[int(random.integers(len(TEXTS)))]


def _pick(dataset: Dataset, random: Random) -> tuple[Dataset, Any]:
    found = list(_elements(dataset))
    wanted = [pair for pair in found if pair[1].keyword in PIXEL_ATTRIBUTES]
    found = wanted if wanted and random.random() < 0.75 else found
    return found[int(random.integers(len(found)))]


def _changed_value(dataset: Dataset, random: Random) -> None:
    for _ in range(int(random.choice([1, 1, 2, 4]))):
        parent, element = _pick(dataset, random)
        if element.VR == "SQ":
            parent[element.tag].value = Sequence(list(element.value)[: int(random.integers(0, 2))])
        else:
            value = _value(element, random)
            stored = value if not isinstance(value, str) else value.encode("latin-1")
            if isinstance(stored, bytes):  # as raw bytes: pydicom would check a value of its own type
                parent._dict[element.tag] = pydicom.dataelem.RawDataElement(
                    element.tag, element.VR, len(stored), stored + b" " * (len(stored) % 2), 0, False, True
                )
            else:
                element.value = value


def _removed(dataset: Dataset, random: Random) -> None:
    parent, element = _pick(dataset, random)
    del parent[element.tag]


def _doubled_item(dataset: Dataset, random: Random) -> None:
    sequences = [e for _, e in _elements(dataset) if e.VR == "SQ" and len(e.value)]
    if sequences:
        element = sequences[int(random.integers(len(sequences)))]
        times = int(random.choice([2, 3, 50]))
        element.value = Sequence(list(element.value) * times)


def _other_syntax(dataset: Dataset, random: Random) -> None:
    dataset.file_meta.TransferSyntaxUID = SYNTAXES[int(random.integers(len(SYNTAXES)))]


def _changed_pixels(dataset: Dataset, random: Random) -> None:
    if "PixelData" in dataset:
        pixels = bytearray(dataset.PixelData)
        for _ in range(int(random.choice([1, 4, 30]))):
            pixels[int(random.integers(len(pixels)))] = int(random.integers(256))
        dataset.PixelData = bytes(pixels[: len(pixels) if random.random() < 0.7 else int(random.integers(len(pixels)))])


def _huge_image(dataset: Dataset, random: Random) -> None:
    dataset.Rows, dataset.Columns = random.choice([(65535, 65535), (30000, 30000), (65535, 1), (4096, 4096)]).tolist()
    if random.random() < 0.5:
        dataset.NumberOfFrames = str(random.choice([1, 1000, 2147483647]))


def false_length(raw: bytes, random: Random) -> bytes:
    """Return a file in which the length of an element or an item is another."""
    places = [n for n in range(132, min(len(raw), 60000) - 8) if raw[n + 4 : n + 6].isupper()]
    if not places:
        return raw[1:]
    place = places[int(random.integers(len(places)))]
    if raw[place + 4 : place + 6] in (b"OB", b"OW", b"SQ", b"UN", b"UT"):
        value = struct.pack("<I", int(random.choice([0, 3, 2**16, 2**31 - 1, 2**32 - 2, 2**32 - 1])))
        return raw[: place + 8] + value + raw[place + 12 :]
    return raw[: place + 6] + struct.pack("<H", int(random.choice([0, 1, 3, 1000, 65535]))) + raw[place + 8 :]


def nested_sequences(raw: bytes, random: Random) -> bytes:
    """Return a file with sequences in sequences, as deep as a reader's recursion goes and deeper."""
    depth = int(random.choice([3, 50, 400, 5000]))
    begin = struct.pack("<HH2sHIHHI", 0x0008, 0x1115, b"SQ", 0, 2**32 - 1, 0xFFFE, 0xE000, 2**32 - 1)
    end = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    place = 144 + int.from_bytes(raw[140:144], "little") if random.random() < 0.5 else len(raw)
    return raw[:place] + begin * depth + end * depth + raw[place:]


def other_representation(raw: bytes, random: Random) -> bytes:
    """Return a file in which the type of an element is another."""
    places = [n for n in range(132, min(len(raw), 60000) - 8) if raw[n + 4 : n + 6].isupper()]
    if not places:
        return raw[1:]
    place = places[int(random.integers(len(places)))] + 4
    kind = random.choice([b"SQ", b"UN", b"OB", b"US", b"DS", b"FD", b"AT", b"PN", b"XX", b"UT", b"DA", b"TM", b"IS"])
    return raw[:place] + bytes(kind) + raw[place + 2 :]


def _deflated_parts(raw: bytes) -> tuple[bytes, bytes]:
    length = struct.unpack_from("<I", raw, 140)[0] if len(raw) > 144 else 0
    place = min(144 + length, len(raw))
    try:
        return raw[:place], zlib.decompressobj(-15).decompress(raw[place:])
    except zlib.error:
        return raw[:place], raw[place:]


def changed_inside_deflated(raw: bytes, random: Random) -> bytes:
    head, content = _deflated_parts(raw)
    for _ in range(int(random.integers(1, 5))):
        place = int(random.integers(max(len(content), 1)))
        content = content[:place] + bytes([int(random.integers(256))]) + content[place + 1 :]
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return head + packer.compress(content) + packer.flush()


def deflated_dicom_bomb(raw: bytes, random: Random) -> bytes:
    """Return a file whose deflated data set goes on with gigabytes of zeros, in a private element or after it."""
    head, content = _deflated_parts(raw)
    if random.random() < 0.5:
        content += struct.pack("<HH2sHI", 0x7FE1, 0x0010, b"OB", 0, int(random.choice([2**32 - 2, 2**30])))
    return head + deflated_bomb(content, random)


DICOM: Mapping[str, Mutation] = {
    "changed_value": _changing(_changed_value),
    "changed_values": _changing(_changed_value),
    "changed_pixels": _changing(_changed_pixels),
    "removed_element": _changing(_removed),
    "doubled_item": _changing(_doubled_item),
    "nested_sequences": nested_sequences,
    "other_syntax": _changing(_other_syntax),
    "huge_image": _changing(_huge_image),
    "false_length": false_length,
    "other_representation": other_representation,
}
DEFLATED: Mapping[str, Mutation] = {
    "changed_inside_deflated": changed_inside_deflated,
    "deflated_dicom_bomb": deflated_dicom_bomb,
}
