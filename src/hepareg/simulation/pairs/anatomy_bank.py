"""Procedural anatomies as tensors on a device, from which training pairs are simulated there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from hepareg.errors import SettingsError
from hepareg.simulation.anatomy.anatomy import LIVER_TREES, Anatomy
from hepareg.simulation.anatomy.liver_vessels import LiverVesselSettings
from hepareg.simulation.anatomy.phantom import PhantomSettings, phantom_anatomy

__all__ = ["AnatomyBank", "make_bank"]

PHANTOM_MM = (384.0, 300.0, 288.0)
FAR_MM = 120.0


@dataclass(frozen=True, eq=False)
class AnatomyBank:
    """N anatomies on one cubic grid around their livers, as tensors on one device.

    Parameters
    ----------
    labels, behind
        (N, 1, I, J, K) uint8 of `Label`; in ``behind`` the nearest other tissue replaces the liver.
    vessels
        (N, 3, I, J, K) uint8: fraction of a voxel that hepatic veins, portal veins and hepatic arteries fill, 0 to 255.
    liver
        (N, 1, I, J, K) uint8: 1 in the liver, 0 elsewhere.
    liver_distance_mm, wall_distance_mm
        (N, 1, I, J, K) float16: signed distance to the liver's surface, negative inside, and distance to static tissue.
    world_from_voxel
        (4, 4) float64; the world's origin is the middle of the grid, where the livers lie.
    """

    labels: Tensor
    behind: Tensor
    vessels: Tensor
    liver: Tensor
    liver_distance_mm: Tensor
    wall_distance_mm: Tensor
    world_from_voxel: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> "AnatomyBank":
        """Return the bank on another device."""
        return AnatomyBank(**{name: getattr(self, name).to(device) for name in self.__dataclass_fields__})


def make_bank(
    *, number: int, seed: int, size: int = 96, spacing_mm: float = 3.0, device: torch.device | str = "cpu"
) -> AnatomyBank:
    """Return a bank of random anatomies on a device; the CPU builds them, in about a second each.

    Parameters
    ----------
    number
        Number of anatomies; some tens suffice for any number of different pairs.
    seed
        The same seed gives the same anatomies.
    size, spacing_mm
        Grid of the pairs: ``size`` voxels along each axis.
    device
        Device of the tensors.

    Raises
    ------
    SettingsError
        If the grid is too small for a liver, or ``number`` is below 1.
    """
    if number < 1 or size * spacing_mm < 150:
        raise SettingsError(
            f"expected at least one anatomy on a grid of 150 mm or more, got {number} on {size * spacing_mm:.0f} mm"
        )
    shape = [max(round(extent / spacing_mm), size) for extent in PHANTOM_MM]
    settings = PhantomSettings(shape=(shape[0], shape[1], shape[2]), spacing_mm=(spacing_mm,) * 3)
    vessels = LiverVesselSettings(num_portal=120, num_hepatic=90)
    anatomies = (
        phantom_anatomy(settings, vessels=vessels, rng=np.random.default_rng([seed, n])) for n in range(number)
    )
    parts = [_tensors(anatomy, size, spacing_mm) for anatomy in anatomies]
    matrix = torch.eye(4, dtype=torch.float64) * torch.tensor([spacing_mm, spacing_mm, spacing_mm, 1.0])
    matrix[:3, 3] = -spacing_mm * (size - 1) / 2
    stacked = [torch.stack([part[n] for part in parts]) for n in range(len(parts[0]))]
    names = ("labels", "behind", "vessels", "liver", "liver_distance_mm", "wall_distance_mm")
    return AnatomyBank(**dict(zip(names, stacked, strict=True)), world_from_voxel=matrix).to(device)


def _tensors(anatomy: Anatomy, size: int, spacing_mm: float) -> Sequence[Tensor]:
    block = _block(anatomy.liver, size)
    labels, liver, static = anatomy.labels[block], anatomy.liver[block], anatomy.static[block]
    vessels = np.zeros((3, *anatomy.labels.shape), dtype=np.uint8)
    for layer in anatomy.layers:
        if layer.label in LIVER_TREES:
            part = vessels[(LIVER_TREES.index(layer.label), *layer.block)]
            np.maximum(part, layer.filled, out=part)
    outside = ndimage.distance_transform_edt(~liver, sampling=spacing_mm)
    inside, others = ndimage.distance_transform_edt(liver, sampling=spacing_mm, return_indices=True)
    half = spacing_mm / 2
    signed = np.where(liver, half - inside, outside - half)
    wall = (
        ndimage.distance_transform_edt(~static, sampling=spacing_mm) if static.any() else np.full(signed.shape, FAR_MM)
    )
    arrays = (labels[None], labels[tuple(others)][None], vessels[(slice(None), *block)], liver[None].view(np.uint8))
    distances = (np.clip(d, -FAR_MM, FAR_MM)[None].astype(np.float16) for d in (signed, wall))
    return [torch.from_numpy(np.ascontiguousarray(a)) for a in (*arrays, *distances)]


def _block(liver: NDArray[np.bool_], size: int) -> tuple[slice, slice, slice]:
    """Return the cube of ``size`` voxels around the liver, moved as needed to lie inside the array."""
    slices = ndimage.find_objects(liver.view(np.uint8), max_label=1)[0]
    starts = [
        int(np.clip((s.start + s.stop - size) // 2, 0, n - size)) for s, n in zip(slices, liver.shape, strict=True)
    ]
    a, b, c = (slice(start, start + size) for start in starts)
    return a, b, c
