"""Boxes of voxels."""

import numpy as np
import pytest

from hepareg.errors import MaskError
from hepareg.geometry import Grid
from hepareg.geometry.boxes import bounding_box, box_around_points

LEFT_HANDED = Grid((10, 12, 8), [[-0.6, 0.4, 0.0, 12.0], [0.8, 0.3, 0.0, -7.0], [0.0, 0.0, 2.5, 100.0], [0, 0, 0, 1]])


@pytest.mark.parametrize("order", ["C", "F"])
def test_bounding_box_holds_the_mask_tightly(order):
    mask = np.zeros((9, 8, 7), np.uint8, order=order)
    mask[2, 3, 4] = mask[6, 3, 1] = mask[4, 0, 2] = 1
    start, stop = bounding_box(mask)
    assert (start.tolist(), stop.tolist()) == ([2, 0, 1], [7, 4, 5])
    start, stop = bounding_box(mask, margin_vox=(1, 2, 9))
    assert (start.tolist(), stop.tolist()) == ([1, 0, 0], [8, 6, 7])


def test_empty_mask_is_an_error():
    with pytest.raises(MaskError, match="empty"):
        bounding_box(np.zeros((3, 3, 3)))


def test_box_around_points_holds_them_with_the_margin():
    voxels = np.array([[3.2, 4.0, 2.0], [5.0, 6.5, 3.0]])
    start, stop = box_around_points(LEFT_HANDED, LEFT_HANDED.world_points(voxels) + 1e-12)
    assert (start <= voxels.min(0)).all()
    assert (stop - 1 >= voxels.max(0)).all()
    assert (stop - start <= 5).all()
    grown, _ = box_around_points(LEFT_HANDED, LEFT_HANDED.world_points(voxels), margin_mm=2.0)
    assert grown.tolist() == [1, 0, 1]
    assert box_around_points(LEFT_HANDED, LEFT_HANDED.world_points([[-40.0, 3, 3]]), margin_mm=2.0) is None
