"""Landmarks on the liver's vessels, in the fixed and in the moving world."""

from dataclasses import dataclass

import numpy as np

from hepareg.simulation.anatomy.anatomy import Anatomy
from hepareg.simulation.motion.motion import Motion
from hepareg.simulation.organ_space import OrganSpace

__all__ = ["Landmark", "vessel_landmarks"]


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


def vessel_landmarks(anatomy: Anatomy, motion: Motion, space: OrganSpace, *, every: int = 4) -> tuple[Landmark, ...]:
    """Return landmarks inside the liver: all branchings of its vessels, and every ``every``-th centreline node."""
    found = []
    for tree in anatomy.trees:
        inside = space.inside[tuple(space.grid.nearest_voxels(tree.points).T)]
        chosen = inside & (tree.is_branching | (np.arange(len(inside)) % every == 0))
        moving = motion.forward(tree.points)
        for node in np.flatnonzero(chosen):
            kind = "branching" if tree.is_branching[node] else "centreline"
            fixed, there = (tuple(float(x) for x in p[node]) for p in (tree.points, moving))
            found.append(Landmark(f"{tree.label.name.lower()}_{kind}_{node}", fixed, there))  # type: ignore[arg-type]
    return tuple(found)
