"""3D Slicer's segmentations (.seg.nrrd): labels in one layer or several, with names, cropped to the segments.

References
----------
https://slicer.readthedocs.io/en/latest/developer_guide/modules/segmentations.html#segmentation-file-format-seg-nrrd-file
"""

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hepareg.errors import FileFormatError, MaskError
from hepareg.geometry import Grid
from hepareg.io.byte_stream import reading
from hepareg.io.itk_headers import check_itk_header, read_itk_header
from hepareg.io.itk_images import grid_of_itk_image
from hepareg.io.itk_silence import silent_itk
from hepareg.io.segmentation import Segments
from hepareg.volume import Provenance, Volume

__all__ = ["read_seg_nrrd"]

SUFFIXES = (".nrrd", ".nhdr")
FIELD = re.compile(r"Segment(\d+)_(Name|LabelValue|Layer|ID)")
MAX_HEADER_BYTES = 1 << 20


def read_seg_nrrd(path: str | Path) -> Segments | None:
    """Read an NRRD file whose header names segments; None for any other file.

    Raises
    ------
    FileFormatError
        If the file is damaged.
    ImageError
        If its unit of length is not the millimetre, or its space is not one of a patient.
    MaskError
        If its segments name more layers than there are, or only some of them state a layer and a label.
    """
    if not str(path).lower().endswith(SUFFIXES) or not Path(path).is_file():
        return None
    with reading(path, expected="an NRRD file"), open(path, "rb") as file:
        header = file.read(MAX_HEADER_BYTES).partition(b"\n\n")[0]
    if b"Segment0_" not in header and b"list domain domain domain" not in header:
        return None
    import SimpleITK as sitk

    check_itk_header(read_itk_header(path), path)
    try:
        with silent_itk():
            image = sitk.ReadImage(str(path))
    except (RuntimeError, UnicodeDecodeError) as error:
        raise FileFormatError(f"expected a segmentation of 3D Slicer, got a damaged file: {path}") from error
    if image.GetDimension() != 3 or b"\nspace: " not in header:
        raise MaskError("expected a segmentation on three axes with a space, got another one; export it as NIfTI")
    fields = _fields_of(image)
    data = sitk.GetArrayFromImage(image)
    layers = data[..., np.newaxis] if data.ndim == 3 else data
    places = _places_of(fields, num_layers=layers.shape[-1])
    if not all(0 <= layer < layers.shape[-1] for layer, _ in places.values()):
        raise MaskError("expected the layers that the segments name, got fewer; export the segmentation again")
    numbers = _numbers_of(places)
    names = {numbers[n]: fields.get(n, {}).get("Name", "") for n in places}
    by_number = {numbers[n]: place for n, place in places.items()}
    return Segments("a segmentation of 3D Slicer", names, partial(_mask, layers, grid_of_itk_image(image), by_number))


def _mask(layers: Any, own: Grid, places: dict[int, tuple[int, int]], number: int, grid: Grid | None = None) -> Volume:
    layer, value = places[number]
    return Volume((layers[..., layer] == value).transpose(), own, provenance=Provenance(file_format="itk"))


def _places_of(fields: dict[int, dict[str, str]], *, num_layers: int) -> dict[int, tuple[int, int]]:
    """Return layer and label value of each segment.

    Files of old versions of 3D Slicer state neither: there each segment has a layer of its own, with the value 1.
    """
    if not any("Layer" in f or "LabelValue" in f for f in fields.values()):
        return {n: (n, 1) for n in fields or range(num_layers)}
    one_layer = {"Layer": "0"} if num_layers == 1 and not any("Layer" in f for f in fields.values()) else {}
    try:
        return {n: (int((f | one_layer)["Layer"]), int(f["LabelValue"])) for n, f in fields.items()}
    except (KeyError, ValueError) as error:
        raise MaskError(
            "expected the number of a layer and of a label for each segment, got segments without; export it again"
        ) from error


def _numbers_of(places: dict[int, tuple[int, int]]) -> dict[int, int]:
    """Return a number for each segment: its label value, or its place from 1 if values repeat across layers."""
    values = [value for _, value in places.values()]
    if len(set(values)) == len(values):
        return {n: value for n, (_, value) in places.items()}
    return {n: n + 1 for n in places}


def _fields_of(image: Any) -> dict[int, dict[str, str]]:
    fields: dict[int, dict[str, str]] = {}
    for key in image.GetMetaDataKeys():
        match = FIELD.fullmatch(key)
        if match:
            fields.setdefault(int(match[1]), {})[match[2]] = image.GetMetaData(key).strip()
    return fields
