"""Pairs for measuring speed: the standard pair, and one anatomy in volumes from 128^3 to 512x512x600."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.pairs import Pair
from hepareg.geometry import Grid
from hepareg.simulation import AcquisitionSettings, MotionSettings, PairSettings, SimulatedPair, simulate_pair
from hepareg.volume import Volume
from hepareg.workflows.atomic import atomic_directory
from hepareg.workflows.simulate import write_pair

__all__ = ["SIZES", "STANDARD", "sized_pair", "standard_pair"]

SIZES = ((128, 128, 128), (256, 256, 256), (512, 512, 200), (512, 512, 400), (512, 512, 600))
LONG_SCAN_SLICES = 200
"""Slices of the anatomy in volumes of more than 256 slices; the others are body above and below, as in a trunk scan."""

EXTENT_MM = (384.0, 384.0, 240.0)
MOTION = MotionSettings(translation_mm=(12.0, 12.0), rotation_deg=(3.0, 3.0))

STANDARD = PairSettings(
    motion=MOTION,
    fixed=AcquisitionSettings(shape=(512, 512, 119), spacing_mm=(0.75, 0.75, 2.0)),
    moving=AcquisitionSettings(shape=(476, 476, 153), spacing_mm=(0.75, 0.75, 1.5)),
)
"""Settings of the pair that speed is stated for."""


def standard_pair(folder: Path) -> Pair:
    """Return the procedural pair of 512x512x119 and 476x476x153 voxels that speed is stated for; make it if missing."""
    return Pair(folder) if folder.exists() else _written(folder, simulate_pair(settings=STANDARD, seed=1))


def sized_pair(folder: Path, shape: tuple[int, int, int]) -> Pair:
    """Return the procedural pair with both images of one shape, made if it is missing.

    Anatomy and motion are the same for all shapes.
    """
    if folder.exists():
        return Pair(folder)
    inner = (*shape[:2], shape[2] if shape[2] <= 256 else LONG_SCAN_SLICES)
    spacing = tuple(extent / n for extent, n in zip(EXTENT_MM, inner, strict=True))
    acquisition = AcquisitionSettings(shape=inner, spacing_mm=spacing)
    pair = simulate_pair(settings=PairSettings(motion=MOTION, fixed=acquisition, moving=acquisition), seed=1)
    names = ("moving", "fixed", "moving_liver", "fixed_liver", "labels")
    longer = {name: extended(getattr(pair, name), shape[2], mirror=name in names[:2]) for name in names}
    return _written(folder, replace(pair, **longer))


def _written(folder: Path, pair: SimulatedPair) -> Pair:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with atomic_directory(folder) as temporary:
        write_pair(temporary, pair)
    return Pair(folder)


def extended(volume: Volume, num_slices: int, *, mirror: bool) -> Volume:
    """Return a volume with slices added at both ends: mirror images of the anatomy, or zeros."""
    more = num_slices - volume.shape[2]
    below = more // 2
    widths = ((0, 0), (0, 0), (below, more - below))
    data = np.pad(volume.data, widths, mode="symmetric" if mirror else "constant")
    matrix = volume.grid.world_from_voxel.copy()
    matrix[:3, 3] = volume.grid.world_points([0, 0, -below])
    return Volume(data, Grid(data.shape, matrix), phase=volume.phase)
