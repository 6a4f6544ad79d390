from itertools import permutations, product

import numpy as np
import pytest

from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.preprocessing.axis_order import AxisOrder, axis_order, reorder, reordered_grid
from hepareg.volume import Volume

VOLUME = Volume(
    np.arange(4 * 5 * 6).reshape(4, 5, 6),
    Grid((4, 5, 6), homogeneous(rotation_from_vector([0.2, 0.1, -0.3]) @ np.diag([0.7, 0.9, -2.5]), [10, -20, 300])),
)
ORDERS = [AxisOrder(p, r) for p in permutations(range(3)) for r in product([False, True], repeat=3)]


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_every_order_is_found_and_undone(order):
    other = Volume(order.apply(VOLUME.data), reordered_grid(VOLUME.grid, order))
    assert axis_order(VOLUME.grid, other.grid) == order
    # The same number stands at the same place of the world.
    np.testing.assert_allclose(
        other.grid.world_points(np.argwhere(other.data == 77)), VOLUME.grid.world_points(np.argwhere(VOLUME.data == 77))
    )
    back = reorder(other, onto=VOLUME.grid)
    np.testing.assert_array_equal(back.data, VOLUME.data)


def test_other_grids_are_not_matched():
    matrix = VOLUME.grid.world_from_voxel
    for change in (
        homogeneous(np.eye(3), [0.02, 0, 0]),
        homogeneous(rotation_from_vector([0, 0, 0.01]), [0, 0, 0]),
        homogeneous(rotation_from_vector([0, 0, np.pi / 4]), [0, 0, 0]),
        np.diag([1.01, 1.01, 1.01, 1]),
    ):
        assert reorder(VOLUME, onto=Grid((4, 5, 6), change @ matrix)) is None
    assert reorder(VOLUME, onto=Grid((4, 5, 7), matrix)) is None
    assert reorder(VOLUME, onto=Grid((4, 5, 6), matrix @ homogeneous(np.eye(3), [0.009, 0, 0]))) is not None
