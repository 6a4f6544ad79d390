"""A drawn vessel fills the voxels that it passes, by their fraction inside it."""

import numpy as np
import pytest

from hepareg.geometry import Grid
from hepareg.simulation.anatomy.labels import Label
from hepareg.simulation.anatomy.vessel_drawing import draw_tree
from hepareg.simulation.anatomy.vessel_trees import VesselTree


def tube(start, stop, radii):
    return VesselTree(Label.PORTAL_VEIN, np.array([start, stop], dtype=float), np.array([-1, 0]), np.array(radii),
                      np.zeros(2, dtype=bool))  # fmt: skip


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.8, 0.8, 3.0)])
@pytest.mark.parametrize("stop", [(30.0, 0, 0), (18.0, -15, 21)])
def test_a_tube_has_its_volume(spacing, stop):
    grid = Grid((100, 100, 40 if spacing[2] == 3 else 100), np.diag([*spacing, 1.0]))
    start, stop = grid.centre_mm, grid.centre_mm + stop
    layer = draw_tree(tube(start, stop, (4.0, 3.0)), grid)
    volume = (layer.filled / 255.0).sum() * grid.voxel_volume_mm3
    length = np.linalg.norm(stop - start)
    cone, caps = np.pi * length * (16 + 12 + 9) / 3, 2 / 3 * np.pi * (64 + 27)
    assert volume == pytest.approx(cone + caps, rel=0.05)


def test_the_block_is_where_the_tube_is():
    grid = Grid((60, 50, 40), np.array([[-1.0, 0, 0, 90], [0, 1, 0, 20], [0, 0, 1, -7], [0, 0, 0, 1]]))
    layer = draw_tree(tube(grid.world_points([20, 20, 20]), grid.world_points([40, 20, 20]), (3.0, 3.0)), grid)
    image = np.zeros(grid.shape, np.uint8)
    image[layer.block] = layer.filled
    assert (image[20:41, 20, 20] == 255).all()
    assert image[30, 23, 20] == pytest.approx(128, abs=1)  # a voxel on the surface is half inside
    assert (image[30, 25:, 20] == 0).all()
    assert layer.label == Label.PORTAL_VEIN


def test_the_part_in_view_is_drawn_and_nothing_outside():
    grid = Grid((30, 30, 30), np.eye(4))
    half = draw_tree(tube((15, 15, 15), (80, 15, 15), (3.0, 3.0)), grid)
    assert half.filled.shape[0] + half.start[0] == 30
    assert draw_tree(tube((90, 90, 90), (99, 90, 90), (3.0, 3.0)), grid) is None
