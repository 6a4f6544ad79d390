"""Names and numbers of the simulated tissues."""

from enum import IntEnum

import numpy as np

from hepareg.arrays import VoxelArray
from hepareg.errors import InputError

__all__ = ["LABEL_NAMES", "Label", "label_from_name", "lookup"]


class Label(IntEnum):
    """Tissue of a voxel in a simulated label map."""

    OUTSIDE = 0
    FAT = 1
    MUSCLE = 2
    BONE = 3
    MARROW = 4
    LUNG = 5
    LIVER = 6
    GALLBLADDER = 7
    SPLEEN = 8
    KIDNEY_CORTEX = 9
    KIDNEY_MEDULLA = 10
    STOMACH = 11
    BOWEL = 12
    GAS = 13
    HEART = 14
    AORTA = 15
    VENA_CAVA = 16
    HEPATIC_ARTERY = 17
    PORTAL_VEIN = 18
    HEPATIC_VEIN = 19
    TUMOUR = 20
    CYST = 21
    CLIP = 22


LABEL_NAMES: dict[str, Label] = {label.name.lower(): label for label in Label}


def label_from_name(name: str) -> Label:
    """Return the label called ``name`` (lower case, as in `LABEL_NAMES`).

    Raises
    ------
    InputError
        If the name is unknown.
    """
    if name not in LABEL_NAMES:
        raise InputError(
            f"expected a label name out of {', '.join(LABEL_NAMES)}; got {name!r}: rename it or leave it out"
        )
    return LABEL_NAMES[name]


def lookup(values: dict[Label, float]) -> VoxelArray:
    """Return a (256,) float32 table of values by label number, 0 for labels without a value."""
    table = np.zeros(256, dtype=np.float32)
    for label, value in values.items():
        table[int(label)] = value
    return table
