"""The roles of the images that follow from the masks at hand, and how far the search may go."""

import numpy as np
import pytest
import torch

from hepareg import Grid, RigidTransform, Volume
from hepareg.pair import ImagePair
from hepareg.registration.problem import ProblemSettings, build_problem
from hepareg.registration.starts import StartSettings, find_starts

SHAPE, SPACING = (60, 50, 50), 8.0
GRID = Grid(SHAPE, np.diag([SPACING, SPACING, SPACING, 1.0]))
RIGHT, LEFT = (44, 25, 25), (14, 25, 25)
"""Voxels of the liver and of something on the other side: world x grows to the patient's right."""


def ball(centre, radius=6):
    away = np.linalg.norm(np.indices(SHAPE) - np.reshape(centre, (3, 1, 1, 1)), axis=0)
    return Volume(away <= radius, GRID)


def body():
    data = np.full(SHAPE, -1000, dtype=np.int16)
    data[4:56, 8:44] = 40
    return Volume(data, GRID)


def problem_of(*, moving_mask=None, fixed_mask=None):
    images = ImagePair(body(), body(), moving_mask, fixed_mask)
    return build_problem(images, device=torch.device("cpu"), settings=ProblemSettings())


def limited(made, given=None):
    starts = find_starts(made, given=given, settings=StartSettings())
    return made.limit_search([start.transform for start in starts if not start.derived])


@pytest.mark.parametrize("name", ["fixed_mask", "moving_mask"])
def test_one_mask_limits_the_other_image_to_its_box_and_60_mm(name):
    made = problem_of(**{name: ball(RIGHT)})
    assert made.direction.exchanged == (name == "moving_mask")
    found = limited(made)
    low, high = (SPACING * (np.array(RIGHT) + sense * 6) for sense in (-1, 1))
    corners = found.searched.grid.corners_mm
    for axis in (0, 1):
        assert abs(corners[:, axis].min() - max(low[axis] - 60, 0)) <= SPACING
        assert abs(corners[:, axis].max() - min(high[axis] + 60, SPACING * (SHAPE[axis] - 1))) <= SPACING
    assert found.searched.data.size < 0.6 * made.searched.data.size


def test_a_users_start_carries_the_box_with_it():
    made = problem_of(fixed_mask=ball(RIGHT))
    shift = RigidTransform.from_vectors(np.zeros(3), [-240.0, 0, 0])
    found = limited(made, given=shift)
    plain = limited(made)
    assert found.searched.grid.corners_mm[:, 0].min() == 0.0
    assert plain.searched.grid.corners_mm[:, 0].min() > 200.0


def test_two_masks_or_none_limit_nothing():
    both = problem_of(fixed_mask=ball(RIGHT), moving_mask=ball(RIGHT))
    assert limited(both) is both
    none = problem_of()
    assert limited(none) is none


def test_a_mask_on_the_left_is_told():
    assert "mask_left_of_the_body_centre" in problem_of(fixed_mask=ball(LEFT)).flags
    assert "mask_left_of_the_body_centre" not in problem_of(fixed_mask=ball(RIGHT)).flags


def test_volume_is_that_of_the_smaller_mask():
    made = problem_of(fixed_mask=ball(RIGHT), moving_mask=ball(RIGHT, radius=4))
    assert made.liver_ml == pytest.approx(np.count_nonzero(ball(RIGHT, radius=4).data) * SPACING**3 / 1000)
    assert problem_of().liver_ml is None
