"""Distance between the domes of a liver in two images, the places where lung meets liver.

Neither a landmark nor another tool takes part, so the distance judges a transform of a real pair, of which nobody knows
the truth. The nearest point of a surface does not notice a slip along the surface: a small distance is necessary, not
sufficient.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.spatial import cKDTree

from hepareg.arrays import Points
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["AIR_HU", "FAR_MM", "DomeDistance", "closest_rigid", "dome_distance", "dome_points_mm"]

AIR_HU = -450.0
"""Radiodensity half-way between lung and liver."""
STEPS = 4
"""The image has to fall below `AIR_HU` within this number of voxels above the liver's highest one."""
FAR_MM = 10.0
LIFTS_MM = (-12.0, -6.0, 0.0, 6.0, 12.0)
ROTATION_ARM_MM = 50.0
"""A rotation by one radian counts as a step of this length in the search of `closest_rigid`."""


@dataclass(frozen=True)
class DomeDistance:
    """Distances from the points of one dome to the nearest points of the other.

    Parameters
    ----------
    mean_mm, median_mm, p95_mm
        Mean, median and 95th percentile.
    far_share
        Share of the points that lie more than `FAR_MM` from the other dome.
    num_points
        Number of points.
    """

    mean_mm: float
    median_mm: float
    p95_mm: float
    far_share: float
    num_points: int


def dome_points_mm(image: Volume, liver: Volume) -> Points:
    """Return the (N, 3) world points in mm at which the image falls through `AIR_HU` just above the liver mask.

    There is at most one point in each column of voxels, found between two voxels by linear interpolation.

    Parameters
    ----------
    image
        CT in HU.
    liver
        Mask on the grid of the image; its outline need not be exact.

    Raises
    ------
    ValueError
        If the grids differ, or if no column of the liver ends at the lung.
    """
    if not image.grid.same_as(liver.grid):
        raise ValueError("expected the liver mask on the grid of its image, got another grid: resample the mask")
    axis, sense = image.grid.superior_axis
    hu, inside = (np.moveaxis(np.asarray(volume.data), axis, 2)[:, :, ::sense] for volume in (image, liver))
    highest = hu.shape[2] - 1
    columns = np.argwhere((inside > 0).any(axis=2))
    i, j = columns.T
    top = highest - (inside[i, j, ::-1] > 0).argmax(axis=1)
    steps = np.minimum(top[:, None] + np.arange(STEPS + 1), highest)
    values = hu[i[:, None], j[:, None], steps].astype(float)
    falls = (values[:, :-1] > AIR_HU) & (values[:, 1:] <= AIR_HU)
    found = np.flatnonzero(falls.any(axis=1))
    if not len(found):
        raise ValueError("expected a liver below the lung, got a liver mask without air above: is it the right mask?")
    first = falls[found].argmax(axis=1)
    here, above = values[found, first], values[found, first + 1]
    height = steps[found, first] + (here - AIR_HU) / (here - above)
    return image.grid.world_points(
        np.insert(columns[found].astype(float), axis, height if sense > 0 else highest - height, axis=1)
    )


def dome_distance(points: Points, others: Points, others_from_points: RigidTransform) -> DomeDistance:
    """Return the distances in mm of (N, 3) dome points after a transform to the nearest of (M, 3) other dome points."""
    found = cKDTree(others).query(others_from_points.apply(points))[0]
    return DomeDistance(
        mean_mm=float(found.mean()),
        median_mm=float(np.median(found)),
        p95_mm=float(np.percentile(found, 95)),
        far_share=float((found > FAR_MM).mean()),
        num_points=len(found),
    )


def closest_rigid(points: Points, others: Points) -> RigidTransform:
    """Return the rigid transform with the smallest mean distance in mm of dome points to other dome points.

    The search is local, from several shifts along the body. It aligns nothing but the dome: it says how small the
    distance of a rigid result can be, not where the liver is.
    """
    tree, centre = cKDTree(others), points.mean(axis=0)
    about = RigidTransform.from_vectors(np.zeros(3), -centre)

    def transform(step: Points) -> RigidTransform:
        turned = RigidTransform.from_vectors(step[:3] / ROTATION_ARM_MM, centre + step[3:])
        return RigidTransform(turned.matrix @ about.matrix)

    def mean_mm(step: Points) -> float:
        return float(tree.query(transform(step).apply(points))[0].mean())

    ended = [minimize(mean_mm, [0, 0, 0, 0, 0, lift], method="Powell") for lift in LIFTS_MM]
    return transform(min(ended, key=lambda result: result.fun).x)
