"""Colours of pixels."""

import numpy as np
import pytest

from hepareg.figures.shading import FIXED_RGB, LIVER_WINDOW_HU, MOVING_RGB, checkerboard, draw_outline, fusion, grey


def test_window_runs_from_black_to_white():
    low, high = LIVER_WINDOW_HU
    assert grey(np.array([[-2048.0, low, (low + high) / 2, high, 3000.0]])).ravel().tolist() == [0, 0, 0.5, 1, 1]


def test_checkerboard_alternates_and_has_a_corner_in_the_middle():
    board = checkerboard(np.zeros((40, 60), np.float32), np.ones((40, 60), np.float32), tile_px=10).mean(-1)
    assert board[15, 35] > 0.8 > 0.1 > board[15, 25]
    assert board[25, 25] > 0.8 > 0.1 > board[25, 35]


def test_fusion_is_grey_where_both_agree_and_coloured_where_not():
    same = fusion(np.full((1, 1), 0.6, np.float32), np.full((1, 1), 0.6, np.float32))
    assert np.ptp(same) < 1e-6
    assert np.allclose(fusion(np.ones((1, 1), np.float32), np.zeros((1, 1), np.float32)), FIXED_RGB)
    assert np.allclose(fusion(np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32)), MOVING_RGB)


def test_outline_lies_on_the_border_only():
    rows, columns = np.mgrid[:80, :80]
    radius = np.hypot(rows - 40, columns - 40)
    drawn = draw_outline(np.zeros((80, 80, 3), np.float32), radius < 25, (1, 1, 1), width_px=2.0).mean(-1)
    assert drawn[np.abs(radius - 24.5) < 0.4].min() > 0.7
    assert drawn[np.abs(radius - 24.5) > 3].max() == 0
    assert drawn.sum() == pytest.approx(2 * np.pi * 24.5 * 2, rel=0.15)  # length times width


def test_outline_of_nothing_draws_nothing():
    picture = np.full((9, 9, 3), 0.5, np.float32)
    assert np.array_equal(draw_outline(picture, np.zeros((9, 9)), (1, 0, 0), width_px=2), picture)
    assert np.array_equal(draw_outline(picture, np.ones((9, 9)), (1, 0, 0), width_px=2), picture)
