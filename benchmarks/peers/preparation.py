"""Prepare the inputs of a pair for the peers: one window, mask and start for all, made outside of their time."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepareg.geometry.grid import apply_matrix

__all__ = ["DILATION_MM", "WINDOW_HU", "dilated", "prepare", "save"]

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
        image = nib.load(pair / f"{name}.nii.gz")
        data = np.clip(np.asanyarray(image.dataobj), *WINDOW_HU).round().astype(np.int16)
        save(data, image.affine, out / f"{name}.nii.gz")
    start = None
    if masks:
        moving, fixed = (nib.load(pair / f"{name}_liver.nii.gz") for name in ("moving", "fixed"))
        for name, mask in (("moving", moving), ("fixed", fixed)):
            save(dilated(np.asanyarray(mask.dataobj) > 0, mask.affine), mask.affine, out / f"{name}_mask.nii.gz")
        centre = _centroid(fixed)
        start = {"translation_mm": (_centroid(moving) - centre).tolist(), "centre_mm": centre.tolist()}
    (out / "start.json").write_text(json.dumps(start))
    return out


def dilated(mask: NDArray[np.bool_], affine: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return a mask grown by `DILATION_MM` in every direction of the world."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    margin = np.ceil(DILATION_MM / spacing).astype(int) + 1
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    box = tuple(slice(max(s.start - m, 0), s.stop + m) for s, m in zip(box, margin, strict=True))
    grown = np.zeros(mask.shape, dtype=np.uint8)
    grown[box] = ndimage.distance_transform_edt(~mask[box], sampling=spacing) <= DILATION_MM
    return grown


def _centroid(mask: nib.Nifti1Image) -> NDArray[np.float64]:
    voxels = np.argwhere(np.asanyarray(mask.dataobj) > 0)
    return apply_matrix(mask.affine, voxels.mean(axis=0))


def save(data: NDArray, affine: NDArray, path: Path) -> None:
    """Write a NIfTI file whose sform and qform are both set."""
    image = nib.Nifti1Image(data, affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    nib.save(image, path)
