"""Landmarks are vessel nodes inside the liver, and move as the liver does."""

import numpy as np
import pytest

from hepareg.geometry import Grid
from hepareg.simulation import MotionSettings
from hepareg.simulation.anatomy.anatomy import Anatomy
from hepareg.simulation.anatomy.labels import Label
from hepareg.simulation.anatomy.vessel_trees import VesselTree
from hepareg.simulation.motion.motion import draw_motion
from hepareg.simulation.organ_space import OrganSpace
from hepareg.simulation.pairs.landmarks import tissue_points, vessel_landmarks

GRID = Grid((50, 50, 50), np.diag([3.0, 3.0, 3.0, 1.0]))


@pytest.fixture(scope="module")
def scene():
    """A liver of a ball, and a vessel from its middle through its surface that branches at node 5."""
    radius = np.linalg.norm(GRID.world_points(np.moveaxis(np.indices(GRID.shape), 0, -1)) - GRID.centre_mm, axis=-1)
    points = GRID.centre_mm + np.outer(np.arange(20), [4.0, 0, 0])
    branching = np.arange(20) == 5
    tree = VesselTree(Label.PORTAL_VEIN, points, np.arange(20) - 1, np.full(20, 2.0), branching)
    liver = radius < 45
    anatomy = Anatomy(GRID, liver.astype(np.uint8), liver, np.zeros(GRID.shape, bool), (tree,), ())
    space = OrganSpace(liver, GRID)
    settings = MotionSettings(kind="random", bend_mm=2.0)
    motion = draw_motion(settings, space=space, in_the_way=anatomy.fraction_static, rng=np.random.default_rng(0))
    return anatomy, lambda points: (motion.forward(points), np.ones(len(points), bool)), space


def test_branchings_and_every_fourth_node_inside_the_liver(scene):
    names = [landmark.name for landmark in vessel_landmarks(*scene)]
    # the surface lies 45 mm from node 0, between nodes 11 and 12
    assert names == [
        "portal_vein_centreline_0", "portal_vein_centreline_4", "portal_vein_branching_5", "portal_vein_centreline_8",
    ]  # fmt: skip
    assert len(vessel_landmarks(*scene, every=1)) in (11, 12)


def test_they_move_with_the_liver_and_its_bend(scene):
    anatomy, forward, _ = scene
    landmarks = vessel_landmarks(*scene)
    fixed = np.array([landmark.fixed_mm for landmark in landmarks])
    assert np.array_equal(fixed, anatomy.trees[0].points[[0, 4, 5, 8]])
    assert np.array_equal(forward(fixed)[0], [landmark.moving_mm for landmark in landmarks])


def test_tissue_without_a_true_place_is_left_out(scene):
    anatomy, forward, space = scene

    def halved(points):
        return forward(points)[0], points[:, 0] < GRID.centre_mm[0] + 18

    assert len(vessel_landmarks(anatomy, halved, space)) == 2  # nodes 0 and 4; 5 and 8 lie 20 and 32 mm away
    whole, half = tissue_points(forward, space), tissue_points(halved, space)
    # A lattice of 6 mm in a ball of 45 mm radius; its part on one side of a plane 18 mm from the middle.
    assert len(whole.fixed_mm) == pytest.approx(4 / 3 * np.pi * (45 / 6) ** 3, rel=0.05)
    assert len(half.fixed_mm) == pytest.approx(0.78 * len(whole.fixed_mm), rel=0.05)
    assert np.array_equal(half.moving_mm, forward(half.fixed_mm)[0])
