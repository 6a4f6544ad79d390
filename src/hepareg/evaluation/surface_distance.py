"""Distances between the surfaces of two masks, each on its own grid."""

from dataclasses import dataclass

import numpy as np

from hepareg.arrays import Points
from hepareg.errors import MaskError
from hepareg.transforms import AffineTransform
from hepareg.volume import Volume

__all__ = ["SurfaceDistance", "surface_distance", "surface_points_mm"]


@dataclass(frozen=True)
class SurfaceDistance:
    """Distances between two surfaces; 0 is perfect.

    Parameters
    ----------
    assd_mm
        Average symmetric surface distance: mean distance from a surface point to the other surface,
        over the points of both surfaces.
    hd95_mm
        Hausdorff distance at 95 %: the larger of the two directed 95th percentiles.
    """

    assd_mm: float
    hd95_mm: float


def surface_points_mm(mask: Volume) -> Points:
    """Return the (N, 3) world points in mm of a mask's surface voxels, those with a face neighbour outside.

    Voxels of the mask at the border of the grid count as surface.

    Raises
    ------
    MaskError
        If the mask is empty.
    """
    from scipy.ndimage import binary_erosion, find_objects  # slow to import, see below

    inside = np.asarray(mask.data, dtype=bool)
    box = find_objects(inside.astype(np.uint8))
    if not box:
        raise MaskError("expected a mask with at least one voxel, got an empty one")
    region = inside[box[0]]
    surface = np.argwhere(region & ~binary_erosion(region))
    return mask.grid.world_points(surface + [axis.start for axis in box[0]])


def surface_distance(
    first: Volume, second: Volume, *, first_from_second: AffineTransform | None = None
) -> SurfaceDistance:
    """Return the distances in mm between the surfaces of two masks.

    Surfaces are compared as points of the world, so the grids may differ, be anisotropic or oblique, and
    no mask is resampled. Surface points are voxel centres, so masks of the same object on two grids
    differ by about half a voxel.

    Parameters
    ----------
    first, second
        Masks; non-zero is inside.
    first_from_second
        Transform from the world of ``second`` to the world of ``first`` (with the fixed mask first, the
        inverse of ``moving_from_fixed``); None is the identity.

    Raises
    ------
    MaskError
        If a mask is empty.

    References
    ----------
    Heimann T et al. Comparison and evaluation of methods for liver segmentation from CT datasets. IEEE Trans
    Med Imaging 28(8), 2009. doi:10.1109/TMI.2009.2013851
    """
    from scipy.spatial import cKDTree  # slow to import, and commands import this file for other measures

    a, b = surface_points_mm(first), surface_points_mm(second)
    if first_from_second is not None:
        b = first_from_second.apply(b)
    a_to_b, b_to_a = cKDTree(b).query(a)[0], cKDTree(a).query(b)[0]
    return SurfaceDistance(
        assd_mm=float((a_to_b.sum() + b_to_a.sum()) / (len(a) + len(b))),
        hd95_mm=float(max(np.percentile(a_to_b, 95), np.percentile(b_to_a, 95))),
    )
