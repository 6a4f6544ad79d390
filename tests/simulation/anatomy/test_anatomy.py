"""An anatomy's label map, and its fraction of static tissue."""

import numpy as np

from hepareg.geometry import Grid
from hepareg.simulation.anatomy.anatomy import Anatomy
from hepareg.simulation.anatomy.labels import Label
from hepareg.simulation.anatomy.vessel_drawing import VesselLayer

GRID = Grid((6, 5, 4), np.array([[2.0, 0, 0, -5], [0, 2, 0, 10], [0, 0, 3, 0], [0, 0, 0, 1]]))


def anatomy(layers=()):
    static = np.zeros(GRID.shape, dtype=bool)
    static[:2] = True
    labels = np.full(GRID.shape, int(Label.LIVER), dtype=np.uint8)
    return Anatomy(GRID, labels, np.ones(GRID.shape, dtype=bool), static, (), layers)


def test_static_fraction_of_points_in_the_world():
    points = GRID.world_points([[0, 0, 0], [1.4, 4, 3], [1.6, 0, 0], [5, 1, 1]])
    assert anatomy().fraction_static(points) == 0.5
    assert anatomy().fraction_static(points[:1] - 1000) == 1  # beyond the grid its border holds


def test_vessels_take_voxels_that_they_fill_to_a_half():
    filled = np.zeros((2, 2, 2), dtype=np.uint8)
    filled[0, 0, 0], filled[1, 1, 1] = 127, 128
    found = anatomy((VesselLayer(Label.PORTAL_VEIN, (3, 2, 1), filled),))
    labels = found.label_map()
    assert labels[4, 3, 2] == Label.PORTAL_VEIN
    assert (labels == Label.PORTAL_VEIN).sum() == 1
    assert (found.labels == Label.LIVER).all()  # the labels without vessels are unchanged
