"""Imperfect masks err at their boundary, smoothly, by the distance that is asked for."""

import numpy as np
import pytest
from scipy import ndimage

from hepareg.geometry import Grid
from hepareg.simulation.acquisition.imperfect_masks import disturb_mask


@pytest.mark.parametrize("error_mm", [1.5, 3.0])
def test_imperfect_masks_err_by_what_is_asked(error_mm):
    grid = Grid((100, 92, 75), np.diag([1.93, 2.11, 2.77, 1.0]))
    radius = np.linalg.norm(grid.world_points(np.moveaxis(np.indices(grid.shape), 0, -1)) - grid.centre_mm, axis=-1)
    ball = (radius < 70).astype(np.uint8)
    drawn = disturb_mask(ball, grid, error_mm=error_mm, rng=np.random.default_rng(2))
    surface = (drawn > 0) & ~ndimage.binary_erosion(drawn)
    exact = (ball > 0) & ~ndimage.binary_erosion(ball)
    # The voxels of a surface lie up to a voxel below it, with a spread of their own.
    error = np.sqrt(radius[surface].var() - radius[exact].var())
    assert error == pytest.approx(error_mm, rel=0.25)
    assert abs(radius[surface].mean() - radius[exact].mean()) < 0.5 * error_mm
    # Smooth: a few large dents, not a ragged edge.
    assert ndimage.label(drawn)[1] == 1
