"""Distance between the surfaces of the two liver masks after the pose, part by part of the liver."""

import numpy as np

from hepareg.registration.mask_surface import MaskSurface
from hepareg.transforms import RigidTransform

__all__ = ["surface_shift_mm"]

REACH_MM = 10.0
"""Larger distances than this count as this: the surface of another part would be nearest."""
BLOCK_MM = 45.0
"""Edge of the parts over which distances are averaged: a ragged outline averages out, the motion of a lobe does not."""
MIN_AREA_MM2 = 400.0
"""A part with less surface than this is left out."""


def surface_shift_mm(reference: MaskSurface, searched: MaskSurface, result: RigidTransform) -> float | None:
    """Return the largest mean distance in mm, over all parts of the liver, between the surfaces of two masks.

    Distances are signed, positive where the reference's surface lies outside the other mask, and averaged over the
    surface in cubes of `BLOCK_MM`; the largest absolute mean is returned. None if no cube has enough surface.

    Parameters
    ----------
    reference, searched
        The surfaces of the masks.
    result
        Pose, searched_from_reference.
    """
    found = searched.measure(result.apply(reference.points_mm))
    points, areas = reference.points_mm[found.comparable], reference.areas_mm2[found.comparable]
    if not len(points):
        return None
    distances = found.mm[found.comparable].clip(-REACH_MM, REACH_MM)
    cubes = np.floor((points - points.mean(axis=0)) / BLOCK_MM + 0.5).astype(int)
    _, cube = np.unique(cubes, axis=0, return_inverse=True)
    sums, total = np.bincount(cube.ravel(), areas * distances), np.bincount(cube.ravel(), areas)
    full = total >= MIN_AREA_MM2
    return float(np.abs(sums[full] / total[full]).max()) if full.any() else None
