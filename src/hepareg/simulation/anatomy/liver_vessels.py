"""The liver's three vessel systems, grown inside a liver mask."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hepareg.simulation.anatomy.labels import Label
from hepareg.simulation.anatomy.vessel_trees import (
    TreeSettings,
    VesselTree,
    companion_tree,
    grow_tree,
    separated_points,
)
from hepareg.simulation.organ_space import OrganSpace

__all__ = ["LiverVesselSettings", "grow_liver_vessels"]

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class LiverVesselSettings:
    """Calibre and density of the liver's vessels.

    Parameters
    ----------
    portal_radius_mm, hepatic_radius_mm
        Radius of the portal trunk at the hilum and of the hepatic veins where they meet the cava.
    num_portal, num_hepatic
        Number of end branches in a liver of 1.5 l; proportional to the volume in other livers.
    artery_calibre
        Radius of an artery relative to the portal branch that it accompanies.
    artery_gap_mm
        Tissue between the walls of an artery and its portal branch.
    """

    portal_radius_mm: float = 6.0
    hepatic_radius_mm: float = 6.5
    num_portal: int = 260
    num_hepatic: int = 180
    artery_calibre: float = 0.36
    artery_gap_mm: float = 0.8


def grow_liver_vessels(
    space: OrganSpace,
    *,
    settings: LiverVesselSettings,
    rng: Generator,
    hilum: Floats | None = None,
    confluence: Floats | None = None,
) -> tuple[VesselTree, VesselTree, VesselTree]:
    """Grow hepatic veins, portal veins and hepatic arteries inside a liver.

    Parameters
    ----------
    space
        The liver.
    settings
        Calibre and density.
    hilum, confluence
        (3,) world mm: the points at which the portal vein enters and the hepatic veins leave the liver; None places
        them by the extent of the liver.

    Returns
    -------
    tuple
        Trees of the hepatic veins, the portal veins and the hepatic arteries. The hepatic veins end
        between the portal branches; the arteries run beside the portal branches.
    """
    litres = float(space.inside.sum()) * float(space.grid.voxel_volume_mm3) / 1e6
    scale = max(litres / 1.5, 0.05)
    keep = space.keep_inside(5.0)
    hilum = keep(_from_extent(space, (-0.12, -0.05, -0.12)) if hilum is None else hilum[None])[0]
    confluence = keep(_from_extent(space, (-0.2, -0.22, 0.30)) if confluence is None else confluence[None])[0]
    candidates = rng.permutation(space.points_deeper_than(4.5))
    jitter = rng.uniform(-1.5, 1.5, candidates.shape)
    candidates = candidates + jitter
    spacing = 0.72 * (litres * 1e6 / (settings.num_portal * scale)) ** (1 / 3)
    ends = separated_points(candidates, number=max(4, round(settings.num_portal * scale)), distance_mm=spacing)
    spacing = 0.72 * (litres * 1e6 / (settings.num_hepatic * scale)) ** (1 / 3)
    between = separated_points(
        candidates[::-1], number=max(4, round(settings.num_hepatic * scale)), distance_mm=spacing, avoid=ends
    )
    centre = space.points.mean(0)
    portal = grow_tree(
        label=Label.PORTAL_VEIN, root=hilum, direction=centre - hilum + [0, 0, 1e-3], terminals=ends,
        keep_inside=keep, settings=TreeSettings(root_radius_mm=settings.portal_radius_mm), rng=rng,
    )  # fmt: skip
    hepatic = grow_tree(
        label=Label.HEPATIC_VEIN, root=confluence, direction=centre - confluence + [0, 0, -1e-3], terminals=between,
        keep_inside=keep, settings=TreeSettings(root_radius_mm=settings.hepatic_radius_mm, reach=0.42), rng=rng,
    )  # fmt: skip
    artery = companion_tree(
        portal, label=Label.HEPATIC_ARTERY, calibre=settings.artery_calibre, gap_mm=settings.artery_gap_mm, rng=rng
    )
    return hepatic, portal, artery


def _from_extent(space: OrganSpace, fraction: tuple[float, float, float]) -> Floats:
    """Return the (1, 3) point at fractions of the organ's extent from its middle: right, anterior, superior."""
    points = space.points
    low, high = points.min(0), points.max(0)
    return ((low + high) / 2 + np.array(fraction) * (high - low))[None]
