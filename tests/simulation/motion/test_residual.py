"""The residual of a bending liver is the part of its motion that the rigid truth leaves."""

import numpy as np
import pytest

from hepareg.simulation.motion.residual import residual_field


def test_residual_is_what_the_truth_leaves(space, drawn):
    motion = drawn(kind="random", translation_mm=(12, 12), bend_mm=2.0)
    residual = residual_field(lambda points: (motion.forward(points), points[:, 0] < 20), motion.truth, space)
    node = np.argwhere(residual.inside)[40]
    place = residual.grid.world_points(node)[None]
    expected = (motion.forward(place) - motion.truth.apply(place))[0]
    np.testing.assert_allclose(residual.displacement_mm[(slice(None), *node)], expected, atol=1e-4)
    assert residual.rms_mm == pytest.approx(2.0, rel=0.1)
    nodes = residual.grid.world_points(np.argwhere(residual.inside))
    assert nodes[:, 0].max() < 20  # no node counts without a true place
    assert nodes[:, 0].max() > 10
