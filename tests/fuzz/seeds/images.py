"""Small valid images and masks: NIfTI, NRRD and MetaImage."""

import bz2
import gzip
import zlib
from pathlib import Path

import numpy as np

from hepareg.geometry import Grid
from hepareg.io.nifti import write_nifti
from hepareg.volume import Volume
from tests.fuzz.seeds.seed import Seed, written

__all__ = ["GRID", "IMAGES", "MASK", "VOXELS"]

GOLDEN = Path(__file__).parents[2] / "golden"
GRID = Grid((16, 14, 12), np.diag([-6.0, -6.0, 5.0, 1.0]))
MASK = np.zeros(GRID.shape, np.uint8)
MASK[4:12, 4:10, 2:8] = 1
VOXELS = (np.random.default_rng(0).normal(0, 40, GRID.shape) + 100 * MASK).astype(np.int16)
RAW = VOXELS.tobytes(order="F")
NRRD = (
    "NRRD0005\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 16 14 12\n"
    "space directions: (6,0,0) (0,6,0) (0,0,5)\nkinds: domain domain domain\nendian: little\nspace origin: (1,2,3)\n"
    'space units: "mm" "mm" "mm"\n'
)
META = (
    "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
    "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 1 2 3\nElementSpacing = 6 6 5\nDimSize = 16 14 12\n"
    "ElementType = MET_SHORT\n"
)
LABELS = b'<?xml version="1.0"?><CaretExtension><VolumeInformation><LabelTable><Label Key="1">liver</Label>' \
    b'<Label Key="2">spleen</Label></LabelTable></VolumeInformation></CaretExtension>'  # fmt: skip


def _nifti(name: str, data: np.ndarray, *, grid: Grid = GRID) -> dict[str, bytes]:
    return written(lambda folder: write_nifti(folder / name, Volume(data, grid)))


def _nifti2() -> dict[str, bytes]:
    oblique = GRID.world_from_voxel + np.array([[0.013, 0.1, 0, 0.3], [-0.1, 0.017, 0, 0.7], [0, 0, 0, 0.1], [0] * 4])
    grid = Grid(GRID.shape, oblique)
    return written(lambda folder: write_nifti(folder / "a.nii", Volume(VOXELS, grid), exact_geometry=True))


def _nifti_pair() -> dict[str, bytes]:
    whole = _nifti("a.nii", VOXELS)["a.nii"]
    header = bytearray(whole[:348])
    header[108:112], header[344:348] = bytes(4), b"ni1\0"
    return {"a.hdr": bytes(header), "a.img": whole[352:]}


def _nifti_labels() -> dict[str, bytes]:
    labels = MASK + (np.arange(12) > 5).astype(np.uint8) * MASK
    whole = bytearray(_nifti("a.nii", labels)["a.nii"])
    extension = LABELS + bytes(-(len(LABELS) + 8) % 16)
    whole[108:112] = np.float32(352 + 8 + len(extension)).tobytes()
    whole[348] = 1
    size, code = np.int32(8 + len(extension)).tobytes(), np.int32(0).tobytes()
    return {"a.nii.gz": gzip.compress(bytes(whole[:352]) + size + code + extension + bytes(whole[352:]), mtime=0)}


def _nrrd(extra: str, data: bytes) -> bytes:
    return (NRRD + extra + "\n").encode() + data


def _meta(extra: str, data: bytes, place: str = "LOCAL") -> bytes:
    return (META + extra + f"ElementDataFile = {place}\n").encode() + data


def _image(path: str, files: dict[str, bytes], *special: str, kind: str = "image", text: bool = False) -> Seed:
    return Seed(kind, path, files, special, text)


IMAGES = {
    "nifti": lambda: _image("a.nii", _nifti("a.nii", VOXELS), "nifti", "packed"),
    "nifti_gz": lambda: _image("a.nii.gz", _nifti("a.nii.gz", VOXELS), "inside_gzip", "packed"),
    "nifti_float_gz": lambda: _image(
        "a.nii.gz", _nifti("a.nii.gz", VOXELS.astype(np.float64)), "inside_gzip", "packed"
    ),
    "nifti2": lambda: _image("a.nii", _nifti2(), "nifti", "packed"),
    "nifti_pair": lambda: _image("a.hdr", _nifti_pair(), "nifti", "packed"),
    "nifti_big_endian": lambda: _image("a.nii", {"a.nii": (GOLDEN / "nibabel.nii").read_bytes()}, "nifti"),
    "nifti_mask": lambda: _image("m.nii.gz", _nifti("m.nii.gz", MASK), "inside_gzip", "packed", kind="mask"),
    "nifti_labels": lambda: _image("a.nii.gz", _nifti_labels(), "inside_gzip", kind="labels"),
    "mask_folder": lambda: _image(
        "", _nifti("liver.nii.gz", MASK) | _nifti("spleen.nii.gz", MASK), "inside_gzip", kind="labels"
    ),
    "nrrd": lambda: _image("a.nrrd", {"a.nrrd": _nrrd("encoding: raw\n", RAW)}, "nrrd", text=True),
    "nrrd_gzip": lambda: _image(
        "a.nrrd", {"a.nrrd": _nrrd("encoding: gzip\n", gzip.compress(RAW, mtime=0))}, "nrrd", text=True
    ),
    "nrrd_bzip2": lambda: _image(
        "a.nrrd", {"a.nrrd": _nrrd("encoding: bzip2\n", bz2.compress(RAW))}, "nrrd", text=True
    ),
    "nrrd_detached": lambda: _image(
        "a.nhdr", {"a.nhdr": _nrrd("encoding: raw\ndata file: a.raw\n", b""), "a.raw": RAW}, "nrrd", text=True
    ),
    "nrrd_segmentation": lambda: _image(
        "a.seg.nrrd",
        {"a.seg.nrrd": (GOLDEN / "masks" / "labels.seg.nrrd").read_bytes()},
        "nrrd",
        kind="labels",
        text=True,
    ),
    "nrrd_layers": lambda: _image(
        "a.seg.nrrd",
        {"a.seg.nrrd": (GOLDEN / "masks" / "layers.seg.nrrd").read_bytes()},
        "nrrd",
        kind="labels",
        text=True,
    ),
    "mha": lambda: _image("a.mha", {"a.mha": _meta("", RAW)}, "meta", text=True),
    "mha_zlib": lambda: _image(
        "a.mha", {"a.mha": _meta("CompressedData = True\n", zlib.compress(RAW))}, "meta", text=True
    ),
    "mhd": lambda: _image("a.mhd", {"a.mhd": _meta("", b"", "a.raw"), "a.raw": RAW}, "meta", text=True),
}
