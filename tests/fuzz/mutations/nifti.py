"""Mutations of the fields of a NIfTI header."""

from collections.abc import Mapping

import numpy as np

from hepareg.io.nifti_header import NIFTI1, NIFTI2
from tests.fuzz.mutations.raw_bytes import REAL_NUMBERS, WHOLE_NUMBERS, Mutation, Random

__all__ = ["NIFTI"]

FIELDS = (
    "dim", "dim", "dim", "datatype", "bitpix", "pixdim", "vox_offset", "scl_slope", "scl_inter", "xyzt_units",
    "qform_code", "sform_code", "quatern", "qoffset", "srow", "srow", "magic",
)  # fmt: skip
SIZES = (0, -1, 1, 2, 3, 7, 8, 100, 1000, 2000, 32767, 2**31 - 1, 2**40)
CODES = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 768, 1024, 1280, 1536, 2304, -1)


def _layout(raw: bytes) -> np.dtype | None:
    for layout in (NIFTI1, NIFTI2):
        for order, word in (("<", "little"), (">", "big")):
            if raw[:4] == layout.itemsize.to_bytes(4, word) and len(raw) >= layout.itemsize:
                return layout.newbyteorder(order)
    return None


def _value(name: str, random: Random) -> float | bytes:
    if name == "magic":
        return random.bytes(4)
    if name == "dim":
        return int(random.choice(SIZES))
    if name in ("datatype", "bitpix"):
        return int(random.choice(CODES))
    if random.random() < 0.5:
        return int(random.choice(np.array(WHOLE_NUMBERS, dtype=object)))
    return float(random.choice(REAL_NUMBERS))


def changed_field(raw: bytes, random: Random) -> bytes:
    """Return a file with one or a few fields of its header at other, extreme values."""
    layout = _layout(raw)
    if layout is None:
        return raw[1:]
    header = np.frombuffer(raw[: layout.itemsize], layout).copy()
    for _ in range(int(random.choice([1, 1, 2, 4]))):
        name = FIELDS[int(random.integers(len(FIELDS)))]
        field = header[name].reshape(-1)
        value = _value(name, random)
        n = int(random.integers(field.size))
        if field.dtype.kind == "i":
            limits = np.iinfo(field.dtype)
            value = int(np.clip(float(value) if np.isfinite(float(value)) else 0, -1e18, 1e18))
            value = min(max(value, int(limits.min)), int(limits.max))
        with np.errstate(over="ignore"):
            field[n] = value if field.dtype.kind != "u" else int(float(value)) % 256 if np.isfinite(value) else 0
        header[name] = field.reshape(header[name].shape)
    return header.tobytes() + raw[layout.itemsize :]


def inflated(raw: bytes, random: Random) -> bytes:
    """Return a file whose header announces up to two gigabytes of voxels."""
    layout = _layout(raw)
    if layout is None:
        return raw[1:]
    header = np.frombuffer(raw[: layout.itemsize], layout).copy()
    header["dim"][0, 1:4] = random.choice([(500, 500, 400), (1000, 1000, 1500), (512, 512, 900), (2000, 2000, 64)])
    header["datatype"] = random.choice([2, 4, 16, 64, 512])
    return header.tobytes() + raw[layout.itemsize :]


NIFTI: Mapping[str, Mutation] = {"changed_field": changed_field, "changed_fields": changed_field, "inflated": inflated}
