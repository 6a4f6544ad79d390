"""Vessels outside the liver that lead to its hilum: portal trunk and common hepatic artery."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hepareg.simulation.anatomy.labels import Label
from hepareg.simulation.anatomy.phantom_body import BodyPlan
from hepareg.simulation.anatomy.vessel_trees import VesselTree

__all__ = ["portal_trunks"]

Floats = NDArray[np.floating]


def portal_trunks(
    grown: tuple[VesselTree, VesselTree, VesselTree], plan: BodyPlan, *, centre_mm: Floats, rng: Generator
) -> tuple[VesselTree, VesselTree]:
    """Return the portal trunk from the mesenteric vein to the hilum, and the artery from the aorta to the hilum.

    Parameters
    ----------
    grown
        Trees of the hepatic veins, the portal veins and the hepatic arteries inside the liver.
    plan
        Sizes of the body.
    centre_mm
        (3,) world position of the origin of body coordinates.
    """
    _, portal, artery = grown
    s = plan.scale
    y = plan.spine_y + 32 * s
    confluence = centre_mm + np.array([4 * s, y + 32 * s, plan.dome - 150 * s + rng.uniform(-5, 5)])
    mesenteric = confluence + np.array([2 * s, 6 * s, -70 * s])
    vein = _curve([mesenteric, confluence, portal.points[0]])
    coeliac = centre_mm + np.array([-12 * s, y + 8 * s, plan.dome - 118 * s])
    bend = coeliac + np.array([10 * s, 26 * s, -4 * s])
    supply = _curve([coeliac, bend, artery.points[0]])
    radius = float(portal.radius_mm[0])
    return _pipe(Label.PORTAL_VEIN, vein, radius), _pipe(Label.HEPATIC_ARTERY, supply, max(2.4, 0.4 * radius))


def _curve(corners: list[Floats]) -> Floats:
    """Return (24, 3) points of the quadratic Bezier curve through three points, the middle one at half of the way."""
    a, b, c = corners
    t = np.linspace(0, 1, 24)[:, None]
    control = 2 * b - 0.5 * (a + c)
    return (1 - t) ** 2 * a + 2 * t * (1 - t) * control + t**2 * c


def _pipe(label: Label, points: Floats, radius_mm: float) -> VesselTree:
    count = len(points)
    return VesselTree(label, points, np.arange(count) - 1, np.full(count, radius_mm), np.zeros(count, dtype=bool))
