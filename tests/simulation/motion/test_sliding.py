"""The backward map: exact around the liver, the identity in static tissue, and without folds in between."""

import numpy as np
import pytest

from hepareg.simulation.motion.sliding import EXACT_MM, sliding_field


def test_it_is_the_livers_motion_in_the_liver_and_nothing_in_static_tissue(anatomy, space, drawn):
    motion = drawn(1, translation_mm=(15, 15), rotation_deg=(4, 4))
    field = sliding_field(anatomy, motion, space=space, spacing_mm=3.0)
    nodes = field.grid.world_points(np.moveaxis(np.indices(field.grid.shape), 0, -1))
    before = motion.liver.inverse().apply(nodes)
    deep = anatomy.liver[tuple(np.moveaxis(anatomy.grid.nearest_voxels(before), -1, 0))]
    assert field.weight[deep].min() >= 1
    static = anatomy.static[tuple(np.moveaxis(anatomy.grid.nearest_voxels(nodes), -1, 0))]
    static &= anatomy.grid.contains(nodes)
    assert static.any()
    assert field.weight[static].max() < 0.05
    assert all((np.moveaxis(field.weight, axis, 0)[[0, -1]] == 0).all() for axis in range(3))
    assert np.allclose(field.liver_inverse, motion.liver.inverse().matrix)
    assert field.bend_mm is None
    assert EXACT_MM > 0


def test_a_bend_is_part_of_the_way_back(anatomy, space, drawn):
    motion = drawn(2, kind="random", translation_mm=(10, 10), bend_mm=3.0)
    field = sliding_field(anatomy, motion, space=space, spacing_mm=3.0)
    points = space.points[::40]
    moved = motion.body.inverse().apply(motion.forward(points))
    nodes = field.grid.nearest_voxels(moved)
    back = motion.liver_backward(field.grid.world_points(nodes))
    found = field.grid.world_points(nodes) @ field.liver_inverse[:3, :3].T + field.liver_inverse[:3, 3]
    found = found + field.bend_mm[(slice(None), *nodes.T)].T
    # interpolated between every second node of a field that varies over centimetres
    assert np.abs(found - back).max() < 0.1


@pytest.mark.parametrize("seed", range(4))
def test_nothing_folds_and_nothing_tears_in_the_sliding_zone(anatomy, space, drawn, seed):
    motion = drawn(seed, translation_mm=(20, 30), rotation_deg=(3, 6))
    field = sliding_field(anatomy, motion, space=space, spacing_mm=3.0)
    nodes = field.grid.world_points(np.moveaxis(np.indices(field.grid.shape), 0, -1).reshape(-1, 3))
    weight = np.clip(field.weight, 0, 1).reshape(-1, 1)
    way = weight * (nodes @ (field.liver_inverse[:3, :3] - np.eye(3)).T + field.liver_inverse[:3, 3])
    back = (nodes + way).reshape(*field.grid.shape, 3)
    slopes = np.stack([np.gradient(back, 3.0, axis=axis) for axis in range(3)], axis=-1)
    folded = (np.linalg.det(slopes) <= 0)[1:-1, 1:-1, 1:-1].mean()
    assert folded < 0.002
    assert weight.min() == 0
    assert weight.max() == 1
    between = (weight > 0.02) & (weight < 0.98)
    assert between.mean() > 0.05  # a zone, not a step
