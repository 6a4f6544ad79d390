"""Where the truth of a pair from a real CT holds: the shift that is left between its images, by depth in the liver.

Both images are made in the phase of the CT and without noise, so that nothing but geometry differs.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.peers.preparation import WINDOW_HU
from hepareg.simulation import PairSettings, PatientCT, SimulatedPair, simulate_pair

__all__ = ["DEPTHS_MM", "DepthShift", "shifts_by_depth"]

DEPTHS_MM = ((-200, -8), (-8, -2), (-2, 0), (0, 2), (2, 5))
"""Shells by their distance to the liver's surface, negative inside."""

SMOOTHING_MM = 1.0
MARGIN_MM = 12.0

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class DepthShift:
    """The shift that fits a shell of tissue best.

    Parameters
    ----------
    low_mm, high_mm
        The shell.
    shift_mm
        (3,) by how much the moving image's tissue lies away from where the truth sends it, world mm.
    """

    low_mm: int
    high_mm: int
    shift_mm: tuple[float, float, float]

    @property
    def size_mm(self) -> float:
        """Length of the shift."""
        return float(np.linalg.norm(self.shift_mm))


def shifts_by_depth(patient: PatientCT, *, settings: PairSettings, seed: int) -> tuple[list[DepthShift], float]:
    """Return what is left between the images of a pair after its truth, and how far its liver has moved in mm.

    A Gauss-Newton step for every shell; outside 2 mm it only says that there is a difference, for it may be large.
    """
    same = replace(
        settings,
        moving_phase=settings.source_phase,
        fixed_phase=settings.source_phase,
        moving=replace(settings.moving, noise_hu=0.0),
        fixed=replace(settings.fixed, noise_hu=0.0),
    )
    pair = simulate_pair(settings=same, seed=seed, patient=patient)
    fixed, moved, distance, directions, spacing = _aligned(pair)
    slopes = [part / s for part, s in zip(np.gradient((fixed + moved) / 2), spacing, strict=True)]
    slopes = np.tensordot(directions, np.stack(slopes), 1)
    shells = [DepthShift(low, high, _shift(fixed, moved, slopes, distance, low, high)) for low, high in DEPTHS_MM]
    where = pair.fixed.grid.world_points(np.argwhere(pair.fixed_liver.data > 0).mean(0))
    return shells, float(np.linalg.norm(pair.truth.apply(where) - where))


def _aligned(pair: SimulatedPair) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return windowed fixed and moving image after the truth, and the distance to the surface, around the liver."""
    grid, liver = pair.fixed.grid, pair.fixed_liver.data > 0
    spacing = grid.spacing_mm
    where = np.argwhere(liver)
    margin = np.ceil(MARGIN_MM / spacing).astype(int)
    low = np.maximum(where.min(0) - margin, 0)
    block = tuple(slice(a, b) for a, b in zip(low, where.max(0) + margin, strict=True))
    inside = liver[block]
    distance = ndimage.distance_transform_edt(~inside, sampling=spacing)
    distance -= ndimage.distance_transform_edt(inside, sampling=spacing)
    matrix = pair.moving.grid.voxel_from_world @ pair.truth.matrix @ grid.world_from_voxel
    offset = matrix[:3, :3] @ low + matrix[:3, 3]
    moving = np.clip(pair.moving.data.astype(np.float32), *WINDOW_HU)
    moved = ndimage.affine_transform(
        moving, matrix[:3, :3], offset, output_shape=inside.shape, order=3, cval=WINDOW_HU[0]
    )
    fixed = np.clip(pair.fixed.data[block].astype(np.float32), *WINDOW_HU)
    smooth = [ndimage.gaussian_filter(image, SMOOTHING_MM / spacing) for image in (fixed, moved)]
    return *smooth, distance, grid.world_from_voxel[:3, :3] / spacing, spacing  # type: ignore[return-value]


def _shift(
    fixed: Floats, moved: Floats, slopes: Floats, distance: Floats, low: int, high: int
) -> tuple[float, float, float]:
    shell = (distance > low) & (distance <= high)
    columns = np.stack([*slopes[:, shell], np.ones(shell.sum()), moved[shell]], axis=1).astype(np.float64)
    x, y, z = np.linalg.lstsq(columns, (fixed - moved)[shell].astype(np.float64), rcond=None)[0][:3]
    return float(x), float(y), float(z)
