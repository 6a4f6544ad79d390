"""A liver of known shape in lung, lifted by a breath."""

import numpy as np

from benchmarks.accuracy.closeness import Breath
from hepareg.geometry import Grid
from hepareg.volume import Volume

LUNG_HU, LIVER_HU = -900.0, 0.0
SHAPE, SPACING_MM = (28, 26, 30), np.array([3.0, 3.0, 2.5])
CENTRE_MM, RADII_MM = np.array([42.0, 39.0, 30.0]), np.array([33.0, 30.0, 27.0])
LIFT_MM = np.array([0.0, 0.0, 7.0])
BOTTOM_MM = 15.0


def grid(flips=(1, 1, 1)):
    """Return a grid over the same world box, with its axes reversed where ``flips`` is -1."""
    matrix = np.diag([*SPACING_MM * flips, 1.0])
    matrix[:3, 3] = np.where(np.array(flips) < 0, SPACING_MM * (np.array(SHAPE) - 1), 0.0)
    return Grid(SHAPE, matrix)


def breath(lift_mm, on=None):
    """Return an ellipsoid of liver in lung, moved by ``lift_mm`` and cut below; its edge is 5 mm wide."""
    on = on or grid()
    points = on.world_points(np.moveaxis(np.indices(on.shape), 0, -1))
    reach = np.linalg.norm((points - CENTRE_MM - lift_mm) / RADII_MM, axis=-1)
    inside = np.clip((1 - reach) * RADII_MM.mean() / 5.0 + 0.5, 0.0, 1.0)
    liver = (inside > 0.5) & (points[..., 2] >= BOTTOM_MM)
    return Breath(Volume(LUNG_HU + (LIVER_HU - LUNG_HU) * inside, on), Volume(liver, on))
