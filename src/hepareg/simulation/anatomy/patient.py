"""An anatomy from a real CT and the masks that exist for it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from hepareg.errors import MaskError
from hepareg.preprocessing.axis_order import reorder
from hepareg.simulation.anatomy.anatomy import LIVER_TREES, Anatomy
from hepareg.simulation.anatomy.denoising import denoise, noise_level
from hepareg.simulation.anatomy.labels import Label, label_from_name
from hepareg.simulation.anatomy.liver_vessels import LiverVesselSettings, grow_liver_vessels
from hepareg.simulation.anatomy.vessel_drawing import draw_tree
from hepareg.simulation.organ_space import OrganSpace
from hepareg.volume import Volume

__all__ = ["PatientCT", "patient_anatomy", "prepare_patient"]

WALL_MM = 12.0
"""Thickness of the rim of the body that is static."""
BONE_HU = 220.0
"""Denser voxels are static."""


@dataclass(frozen=True, eq=False)
class PatientCT:
    """A real CT, separated into image and noise; one serves any number of pairs.

    Parameters
    ----------
    ct
        The unchanged CT.
    denoised_hu, noise_hu
        (I, J, K) float32; their sum is the CT.
    noise_level_hu
        Standard deviation of the noise in the liver.
    labels
        (I, J, K) uint8 of `Label`; voxels without a mask are `Label.FAT`, which has the same HU in all phases.
    liver
        (I, J, K) bool: the liver's mask, holes filled, tumours and cysts included.
    static
        (I, J, K) bool: body wall and bones.
    vessel_masks
        Vessel systems of the liver that have a mask; the others are grown.
    """

    ct: Volume
    denoised_hu: NDArray[np.float32]
    noise_hu: NDArray[np.float32]
    noise_level_hu: float
    labels: NDArray[np.uint8]
    liver: NDArray[np.bool_]
    static: NDArray[np.bool_]
    vessel_masks: tuple[Label, ...]


def prepare_patient(*, ct: Volume, masks: Mapping[str, Volume]) -> PatientCT:
    """Return a real CT denoised, with its masks joined into a label map.

    Parameters
    ----------
    ct
        CT in HU.
    masks
        Masks by label name; ``liver`` is required, all others are optional. Each has the voxel centres of the CT,
        in any order of the axes.

    Raises
    ------
    MaskError
        If there is no liver mask, a mask is empty, or one lies on another grid than the CT.
    InputError
        If a label name is unknown.
    """
    labels, liver = _gather(ct, masks)
    image = np.clip(np.asarray(ct.data, dtype=np.float32), -1024, 3071)
    level = noise_level(image, liver, ct.grid.spacing_mm)
    denoised = denoise(image, noise_hu=level, spacing_mm=ct.grid.spacing_mm)
    static = _static(denoised, ct.grid.spacing_mm, liver)
    vessels = tuple(label for label in LIVER_TREES if label.name.lower() in masks)
    return PatientCT(ct, denoised, image - denoised, level, labels, liver, static, vessels)


def patient_anatomy(patient: PatientCT, *, vessels: LiverVesselSettings, rng: Generator) -> Anatomy:
    """Return the anatomy of a real CT; the liver's vessel systems that have no mask are grown inside the liver."""
    grid = patient.ct.grid
    space = OrganSpace(patient.liver, grid)
    trees = tuple(
        tree for tree in grow_liver_vessels(space, settings=vessels, rng=rng) if tree.label not in patient.vessel_masks
    )
    layers = tuple(layer for tree in trees if (layer := draw_tree(tree, grid)) is not None)
    return Anatomy(
        grid=grid, labels=patient.labels, liver=patient.liver, static=patient.static, trees=trees, layers=layers,
        ct_hu=patient.denoised_hu, noise_hu=patient.noise_hu, noise_level_hu=patient.noise_level_hu,
        parameters={"noise_hu": round(patient.noise_level_hu, 3)},
    )  # fmt: skip


def _gather(ct: Volume, masks: Mapping[str, Volume]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the label map of all masks and the mask of the liver."""
    named = {label_from_name(name): mask for name, mask in masks.items()}
    if Label.LIVER not in named:
        raise MaskError("expected a liver mask among the labels, got none; give one as liver=FILE")
    labels = np.full(ct.shape, int(Label.FAT), dtype=np.uint8)
    for label in sorted(named):
        name = label.name.lower()
        mask = reorder(named[label], onto=ct.grid)
        if mask is None:
            raise MaskError(
                f"expected the {name} mask on the CT's grid ({ct.grid.describe()}), "
                f"got {named[label].grid.describe()}; resample the mask onto the CT first"
            )
        if not (mask.data > 0).any():
            raise MaskError(f"expected voxels in the {name} mask, got an empty one; leave it out")
        labels[mask.data > 0] = int(label)
        named[label] = mask
    inner = [label for label in (Label.TUMOUR, Label.CYST) if label in named]
    liver = named[Label.LIVER].data > 0
    for label in inner:
        liver = liver | (named[label].data > 0)
    return labels, ndimage.binary_fill_holes(liver)


def _static(
    image_hu: NDArray[np.float32], spacing_mm: NDArray[np.floating], liver: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the mask of static tissue: the outer rim of the body and the bones, without the liver."""
    step = np.maximum(np.round(3.0 / spacing_mm).astype(int), 1)
    coarse = image_hu[:: step[0], :: step[1], :: step[2]]
    tissue = ndimage.binary_opening(coarse > -300, iterations=2)
    body = np.zeros_like(tissue)
    for k in range(tissue.shape[2]):
        body[:, :, k] = ndimage.binary_fill_holes(tissue[:, :, k])
    flat = spacing_mm * step
    rim = np.zeros_like(body)
    for k in range(body.shape[2]):
        rim[:, :, k] = ndimage.distance_transform_edt(np.pad(body[:, :, k], 1), sampling=flat[:2])[1:-1, 1:-1] < WALL_MM
    bone = ndimage.binary_opening(image_hu > BONE_HU, np.ones((2, 2, 1), dtype=bool))
    full = np.kron(rim, np.ones(tuple(step), dtype=bool))[tuple(slice(0, n) for n in image_hu.shape)]
    return (full | bone) & ~liver
