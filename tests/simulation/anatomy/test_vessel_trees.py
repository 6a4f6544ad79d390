"""Vessel trees: every terminal reached, radii by Murray's law, companions beside their vessel."""

import numpy as np
import pytest

from hepareg.simulation.anatomy.labels import Label
from hepareg.simulation.anatomy.vessel_trees import TreeSettings, companion_tree, grow_tree, separated_points

RNG = np.random.default_rng(4)
TERMINALS = RNG.uniform(-60, 60, (25, 3))
SETTINGS = TreeSettings()


@pytest.fixture(scope="module")
def tree():
    return grow_tree(
        label=Label.PORTAL_VEIN, root=np.array([-80.0, 0, 0]), direction=np.array([2.0, 0, 0]), terminals=TERMINALS,
        keep_inside=lambda points: points, settings=SETTINGS, rng=np.random.default_rng(0),
    )  # fmt: skip


def test_every_terminal_is_the_end_of_a_branch(tree):
    children = np.bincount(tree.parent[1:], minlength=len(tree.points))
    ends = tree.points[children == 0]
    assert len(ends) == len(TERMINALS)
    assert np.linalg.norm(ends[:, None] - TERMINALS[None], axis=-1).min(axis=1).max() < 1e-9
    assert np.array_equal(tree.is_branching, children > 1)
    assert tree.num_segments == len(tree.points) - 1


def test_parents_come_first_and_steps_are_short(tree):
    assert tree.parent[0] == -1
    assert (tree.parent[1:] < np.arange(1, len(tree.points))).all()
    steps = np.linalg.norm(tree.points[1:] - tree.points[tree.parent[1:]], axis=1)
    assert steps.max() < 3 * SETTINGS.step_mm  # nodes 4 mm apart on the chord, farther where the branch curves


def test_radii_follow_murrays_law(tree):
    assert tree.radius_mm[0] == SETTINGS.root_radius_mm
    n = SETTINGS.murray_exponent
    for node in np.flatnonzero(tree.is_branching):
        parts = tree.radius_mm[tree.parent == node] ** n
        assert parts.sum() == pytest.approx(tree.radius_mm[node] ** n)


def test_points_are_kept_inside():
    def floor(points):
        return np.maximum(points, [-np.inf, -np.inf, -10.0])

    found = grow_tree(
        label=Label.HEPATIC_VEIN, root=np.array([0.0, 0, 40]), direction=np.array([0.0, 0, -1]), terminals=TERMINALS,
        keep_inside=floor, settings=SETTINGS, rng=np.random.default_rng(0),
    )  # fmt: skip
    assert found.points[:, 2].min() >= -10


def test_a_companion_runs_beside_at_its_gap(tree):
    artery = companion_tree(tree, label=Label.HEPATIC_ARTERY, calibre=0.4, gap_mm=1.0, rng=np.random.default_rng(0))
    distance = np.linalg.norm(artery.points - tree.points, axis=1)
    assert distance == pytest.approx(tree.radius_mm + artery.radius_mm + 1.0)
    assert artery.radius_mm == pytest.approx(np.maximum(0.4 * tree.radius_mm, 0.45))
    assert np.array_equal(artery.parent, tree.parent)


def test_separated_points_keep_their_distance_and_their_order():
    candidates = RNG.uniform(0, 50, (400, 3))
    avoid = RNG.uniform(0, 50, (5, 3))
    chosen = separated_points(candidates, number=30, distance_mm=8.0, avoid=avoid)
    gaps = np.linalg.norm(chosen[:, None] - chosen[None], axis=-1) + 1e9 * np.eye(len(chosen))
    assert gaps.min() >= 8
    assert np.linalg.norm(chosen[:, None] - avoid[None], axis=-1).min() >= 4
    assert len(chosen) == 30
    places = [int(np.flatnonzero((candidates == point).all(axis=1))[0]) for point in chosen]
    assert places == sorted(places)
    assert len(separated_points(candidates, number=3, distance_mm=1000.0)) == 1
