"""Closeness of the two images of a real pair under a pose, measured at the dome and at the surfaces of the masks."""

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion
from scipy.spatial import cKDTree

from benchmarks.accuracy.dome_distance import closest_rigid, dome_distance, dome_points_mm
from benchmarks.tables import Row
from hepareg.arrays import Points
from hepareg.evaluation import surface_distance, tre_over_mask
from hepareg.io.nifti import read_nifti
from hepareg.preprocessing.axis_order import reorder
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["Breath", "RealPair", "open_surface_distance_mm"]


@dataclass(frozen=True, eq=False)
class Breath:
    """One phase of breathing: the image in HU, and the liver mask on its grid."""

    image: Volume
    liver: Volume

    @classmethod
    def read(cls, image: Path, liver: Path) -> "Breath":
        """Read both files.

        Raises
        ------
        ValueError
            If the mask lies on another grid than the image.
        """
        ct = read_nifti(image)
        mask = reorder(read_nifti(liver), onto=ct.grid)
        if mask is None:
            raise ValueError("expected a liver mask on the grid of its image, got another grid: resample the mask")
        return cls(ct, mask)

    @cached_property
    def dome_mm(self) -> Points:
        """(N, 3) points of the dome."""
        return dome_points_mm(self.image, self.liver)


@dataclass(frozen=True, eq=False)
class RealPair:
    """Two phases of breathing of one patient, ``t0`` and ``t5``."""

    t0: Breath
    t5: Breath

    def closeness(self, t0_from_t5: RigidTransform) -> Row:
        """Return distances of both domes and of both surfaces under a pose.

        Returns
        -------
        dict
            ``dome_of_t5`` and ``dome_of_t0``, each a `DomeDistance`: from the points of that dome to the other dome.
            ``surfaces``, a `SurfaceDistance`, and ``surfaces_without_cut_end_mm``, the number of
            `open_surface_distance_mm`.
        """
        t0, t5, t5_from_t0 = self.t0, self.t5, t0_from_t5.inverse()
        return {
            "dome_of_t5": asdict(dome_distance(t5.dome_mm, t0.dome_mm, t0_from_t5)),
            "dome_of_t0": asdict(dome_distance(t0.dome_mm, t5.dome_mm, t5_from_t0)),
            "surfaces": asdict(surface_distance(t5.liver, t0.liver, first_from_second=t5_from_t0)),
            "surfaces_without_cut_end_mm": open_surface_distance_mm(t5.liver, t0.liver, t5_from_t0),
        }

    def closest_at_dome(self, name: str) -> RigidTransform:
        """Return the t0_from_t5 at which the dome of ``t0`` or ``t5`` lies closest to the other dome."""
        if name == "t5":
            return closest_rigid(self.t5.dome_mm, self.t0.dome_mm)
        return closest_rigid(self.t0.dome_mm, self.t5.dome_mm).inverse()

    def apart_mm(self, first: RigidTransform, second: RigidTransform) -> float:
        """Return the mean distance in mm between two poses t0_from_t5, over the voxels of the liver of t5."""
        return tre_over_mask(first, second, mask=self.t5.liver).mean_mm


def open_surface_distance_mm(first: Volume, second: Volume, first_from_second: RigidTransform) -> float:
    """Return the average symmetric surface distance in mm of two masks whose lower ends are cut.

    The flat lower end of a mask is no surface of the liver, so its voxels do not count, nor does any point that the
    transform puts below the other mask's lowest slice, where the other surface is not known.
    """
    a, b = _above_cut_end(first), _above_cut_end(second)
    sent_a, sent_b = first_from_second.inverse().apply(_outline(a)), first_from_second.apply(_outline(b))
    a_to_b = cKDTree(_outline(b)).query(sent_a[_reaches(b, sent_a)])[0]
    b_to_a = cKDTree(_outline(a)).query(sent_b[_reaches(a, sent_b)])[0]
    return float(np.concatenate([a_to_b, b_to_a]).mean())


def _above_cut_end(mask: Volume) -> Volume:
    """Return the mask from its lowest slice upwards, so that the cut end is the border of the grid."""
    axis, sense = mask.grid.superior_axis
    slices = np.flatnonzero(mask.profile.counts[axis])
    start, stop = np.zeros(3, dtype=int), np.array(mask.shape)
    if sense > 0:
        start[axis] = slices[0]
    else:
        stop[axis] = slices[-1] + 1
    return mask.crop(start, stop)


def _outline(mask: Volume) -> Points:
    """Return the (N, 3) world points in mm of the voxels with a face neighbour outside; the border is no outside."""
    inside = np.asarray(mask.data) > 0
    return mask.grid.world_points(np.argwhere(inside & ~binary_erosion(inside, border_value=1)))


def _reaches(mask: Volume, points: Points) -> NDArray[np.bool_]:
    """Return (N,) whether the grid of a mask reaches down to each point."""
    axis, sense = mask.grid.superior_axis
    index = mask.grid.voxel_points(points)[:, axis]
    return index >= 0 if sense > 0 else index <= mask.shape[axis] - 1
