"""The vessels between the liver's hilum and the great vessels: portal trunk and common hepatic artery."""

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
    """Return the portal trunk down to the mesenteric vein, and the artery from the aorta to the hilum."""
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
    """Return a quadratic Bezier curve over three points, passing near the middle one."""
    a, b, c = corners
    t = np.linspace(0, 1, 24)[:, None]
    control = 2 * b - 0.5 * (a + c)
    return (1 - t) ** 2 * a + 2 * t * (1 - t) * control + t**2 * c


def _pipe(label: Label, points: Floats, radius_mm: float) -> VesselTree:
    count = len(points)
    return VesselTree(label, points, np.arange(count) - 1, np.full(count, radius_mm), np.zeros(count, dtype=bool))
