"""Prepare the inputs of a pair for the peers: one window, mask and start for all, made outside of their time."""

import json
from pathlib import Path

import numpy as np
from scipy import ndimage

from hepareg.geometry.boxes import bounding_box
from hepareg.io.nifti import read_nifti, write_nifti
from hepareg.volume import Volume

__all__ = ["DILATION_MM", "WINDOW_HU", "dilated", "prepare"]

WINDOW_HU = (-150.0, 250.0)
DILATION_MM = 5.0


def prepare(pair: Path, out: Path, *, masks: bool) -> Path:
    """Write the peers' inputs for a pair's folder and return ``out``.

    Parameters
    ----------
    pair
        Folder with ``moving``, ``fixed``, ``moving_liver`` and ``fixed_liver`` as ``.nii.gz``, RAS.
    out
        New folder.
    masks
        Whether the tools are given the mask and the start that comes from both masks.
    """
    out.mkdir(parents=True)
    for name in ("moving", "fixed"):
        image = read_nifti(pair / f"{name}.nii.gz")
        data = np.clip(image.data, *WINDOW_HU).round().astype(np.int16)
        write_nifti(out / f"{name}.nii.gz", image.with_data(data))
    start = None
    if masks:
        moving, fixed = (read_nifti(pair / f"{name}_liver.nii.gz") for name in ("moving", "fixed"))
        for name, mask in (("moving", moving), ("fixed", fixed)):
            write_nifti(out / f"{name}_mask.nii.gz", dilated(mask))
        shift = moving.centroid_mm - fixed.centroid_mm
        start = {"translation_mm": shift.tolist(), "centre_mm": fixed.centroid_mm.tolist()}
    (out / "start.json").write_text(json.dumps(start))
    return out


def dilated(mask: Volume) -> Volume:
    """Return a mask grown by `DILATION_MM` in every direction of the world."""
    inside, spacing = mask.data > 0, mask.grid.spacing_mm
    box = tuple(map(slice, *bounding_box(inside, margin_vox=np.ceil(DILATION_MM / spacing))))
    grown = np.zeros(mask.shape, dtype=np.uint8)
    grown[box] = ndimage.distance_transform_edt(~inside[box], sampling=spacing) <= DILATION_MM
    return mask.with_data(grown)
