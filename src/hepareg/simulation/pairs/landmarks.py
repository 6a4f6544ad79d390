"""Landmarks on the liver's vessels, in the fixed and in the moving world."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.simulation.anatomy.anatomy import Anatomy
from hepareg.simulation.organ_space import OrganSpace

__all__ = ["Forward", "Landmark", "TissuePoints", "tissue_points", "vessel_landmarks"]

Forward = Callable[[Points], tuple[Points, NDArray[np.bool_]]]
TISSUE_SPACING_MM = 6.0


@dataclass(frozen=True)
class Landmark:
    """One point on a vessel of the liver, in both images.

    Parameters
    ----------
    name
        Vessel, kind of point and number, such as ``portal_vein_branching_3`` or ``hepatic_vein_centreline_17``.
    fixed_mm, moving_mm
        World RAS mm in the fixed and in the moving image.
    """

    name: str
    fixed_mm: tuple[float, float, float]
    moving_mm: tuple[float, float, float]


def vessel_landmarks(anatomy: Anatomy, forward: Forward, space: OrganSpace, *, every: int = 4) -> tuple[Landmark, ...]:
    """Return landmarks inside the liver: all branchings of its vessels, and every ``every``-th centreline node.

    ``forward`` maps (N, 3) points of the fixed liver to the moving world, and says of each whether it has a place.
    """
    found = []
    for tree in anatomy.trees:
        inside = space.inside[tuple(space.grid.nearest_voxels(tree.points).T)]
        moving, known = forward(tree.points)
        chosen = inside & known & (tree.is_branching | (np.arange(len(inside)) % every == 0))
        for node in np.flatnonzero(chosen):
            kind = "branching" if tree.is_branching[node] else "centreline"
            fixed, there = (tuple(float(x) for x in p[node]) for p in (tree.points, moving))
            found.append(Landmark(f"{tree.label.name.lower()}_{kind}_{node}", fixed, there))  # type: ignore[arg-type]
    return tuple(found)


@dataclass(frozen=True, eq=False)
class TissuePoints:
    """Points spread evenly over the fixed liver, and the true places of their tissue in the moving image.

    Parameters
    ----------
    fixed_mm, moving_mm
        (N, 3) world RAS mm in the fixed and in the moving image.
    """

    fixed_mm: Points
    moving_mm: Points


def tissue_points(forward: Forward, space: OrganSpace) -> TissuePoints:
    """Return the points of a lattice of 6 mm in the liver that the moving image shows exactly once."""
    step = max(1, round(TISSUE_SPACING_MM / float(space.grid.spacing_mm[0])))
    inside = np.zeros_like(space.inside)
    inside[::step, ::step, ::step] = space.inside[::step, ::step, ::step]
    points = space.grid.world_points(np.argwhere(inside))
    places, known = forward(points)
    return TissuePoints(points[known], places[known])
