"""The real CT that half of the core set is made from."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from benchmarks.results import ROOT
from hepareg.io.images import read_image
from hepareg.preprocessing.axis_order import reorder
from hepareg.simulation import PatientCT, prepare_patient
from hepareg.transforms.block_average import average_blocks
from hepareg.volume import Volume

__all__ = ["coarse_real_patient", "real_patient"]

BONE_HU = 220
CASE = "lidc_idri_0001"
COARSE = np.array([4, 4, 1])
"""Voxels of the real CT that are averaged into one of the coarse CT, about 3 x 3 x 2.5 mm."""


@cache
def real_patient() -> PatientCT | None:
    """Return the real CT with its approximate liver mask, or None if the CT is missing.

    The environment's ``HEPAREG_DATA`` names the folder of the data, else it is ``shared/data`` beside the repository.
    Ribs into which the mask leaks are removed from it, since everything in the mask moves with the liver.
    """
    found = _ct_and_liver()
    return None if found is None else prepare_patient(ct=found[0], masks={"liver": found[1]})


@cache
def coarse_real_patient() -> PatientCT | None:
    """Return the real CT of `real_patient` with voxels of about 3 x 3 x 2.5 mm, or None if the CT is missing."""
    found = _ct_and_liver()
    if found is None:
        return None
    ct, liver = (
        average_blocks(volume, COARSE, window=(-1024.0, 3071.0), device=torch.device("cpu")) for volume in found
    )
    mask = Volume(liver[0].numpy() >= 0.5, liver[1])
    return prepare_patient(ct=Volume(ct[0].numpy(), ct[1]), masks={"liver": mask})


def _ct_and_liver() -> tuple[Volume, Volume] | None:
    folder = Path(os.environ.get("HEPAREG_DATA", ROOT.parent / "shared" / "data")) / CASE
    if not (folder / "dicom").is_dir():
        return None
    ct = read_image(folder / "dicom")
    mask = reorder(read_image(folder / "liver_approximate.nii.gz"), onto=ct.grid)
    if mask is None:
        raise ValueError("expected the real CT's liver mask on the grid of the CT, got another grid")
    return ct, mask.with_data(_without_bone(mask.data > 0, ct.data))


def _without_bone(liver: np.ndarray, hu: np.ndarray) -> np.ndarray:
    bone = ndimage.binary_opening(hu > BONE_HU, np.ones((3, 3, 1), dtype=bool))
    near_bone = ndimage.binary_dilation(bone, iterations=3)
    kept = ndimage.binary_opening(liver & ~near_bone, np.ones((5, 5, 1), dtype=bool))
    parts, _ = ndimage.label(kept)
    return parts == np.bincount(parts.ravel())[1:].argmax() + 1
