"""Tissues, liver and vessels of one patient, real or procedural, from which the images of a pair are made."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Points, VoxelArray
from hepareg.geometry import Grid
from hepareg.simulation.anatomy.labels import Label
from hepareg.simulation.anatomy.vessel_drawing import VesselLayer
from hepareg.simulation.anatomy.vessel_trees import VesselTree

__all__ = ["LIVER_TREES", "Anatomy"]

LIVER_TREES = (Label.HEPATIC_VEIN, Label.PORTAL_VEIN, Label.HEPATIC_ARTERY)
"""The three vessel systems that are grown into a liver."""


@dataclass(frozen=True, eq=False)
class Anatomy:
    """One patient without contrast phase, motion or scanner.

    Parameters
    ----------
    grid
        Grid of all arrays.
    labels
        (I, J, K) uint8 of `Label`, without the grown vessels.
    liver
        (I, J, K) bool, everything inside the liver's surface.
    static
        (I, J, K) bool, tissue that stays while the liver moves: body wall, spine, and the space around the body.
    trees
        Centrelines of the grown vessels.
    layers
        The grown vessels drawn into voxels.
    ct_hu
        (I, J, K) float32 denoised HU of a real CT, or None for a procedural anatomy.
    noise_hu
        (I, J, K) float32 noise that was removed from the real CT, or None.
    noise_level_hu
        Standard deviation of the noise in the real liver, 0 for a procedural anatomy.
    fat_fraction
        Fat infiltration of a procedural liver, as a fraction of its volume.
    texture_seed
        Seed of the irregularities of a procedural anatomy's tissues that are the same in all phases.
    parameters
        All values that were drawn at random, for `pair.json`.
    """

    grid: Grid
    labels: NDArray[np.uint8]
    liver: NDArray[np.bool_]
    static: NDArray[np.bool_]
    trees: tuple[VesselTree, ...]
    layers: tuple[VesselLayer, ...]
    ct_hu: NDArray[np.float32] | None = None
    noise_hu: NDArray[np.float32] | None = None
    noise_level_hu: float = 0.0
    fat_fraction: float = 0.0
    texture_seed: int = 0
    parameters: dict[str, object] = field(default_factory=dict)

    def fraction_static(self, points: Points) -> float:
        """Return the fraction of (N, 3) world points that lie in static tissue."""
        return float(self.static[tuple(self.grid.nearest_voxels(points).T)].mean())

    def label_map(self) -> VoxelArray:
        """Return the labels with the grown vessels, which take every voxel that they fill to a half or more."""
        labels = self.labels.copy()
        for layer in self.layers:
            block = labels[layer.block]
            block[layer.filled >= 128] = int(layer.label)
        return labels
