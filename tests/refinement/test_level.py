"""A level takes and gives poses searched_from_reference, whichever of its images is the template."""

from dataclasses import replace

import numpy as np
import pytest

from hepareg.refinement.direction import Direction
from hepareg.refinement.level import Level
from hepareg.refinement.settings import RefinementSettings
from hepareg.transforms import RigidTransform

SETTINGS = RefinementSettings()
COARSE = SETTINGS.levels[1]


@pytest.fixture(scope="module")
def level(oblique_problem):
    return Level(Direction(), oblique_problem.images(), oblique_problem.distance(), COARSE, SETTINGS)


def test_exchanged_images_have_the_optimum_at_the_same_pose(level, oblique_problem):
    truth = oblique_problem.truth
    exchanged = level.exchange(truth)
    assert exchanged.direction == Direction(exchanged=True)
    assert exchanged.images.template is level.images.sampled
    assert exchanged.reference is level.reference is level.images.template
    beside = RigidTransform.from_vectors([0.0, 0.0, 0.0], [3.0, 0.0, 0.0]) @ truth
    for one in (level, exchanged):
        unexplained, overlaps = one.unexplained([truth, RigidTransform(beside.matrix)])
        assert unexplained[0] < 0.2 * unexplained[1]
        assert overlaps[0] > 0.9
        (found,) = one.minimise([RigidTransform(beside.matrix)])
        assert oblique_problem.error_mm(found.transform) < 0.3  # a tenth of a voxel of 3 to 4 mm


def test_exchanged_twice_is_the_level_again(level, oblique_problem):
    truth = oblique_problem.truth
    again = level.exchange(truth).exchange(truth)
    assert again.direction == level.direction
    assert again.images.template is level.images.template
    assert again.images.centre_mm == pytest.approx(level.images.centre_mm)
    # the level's own cells are cut with other limits than this problem's; the poses are judged alike
    assert again.unexplained([truth])[0] == pytest.approx(level.unexplained([truth])[0], abs=0.02)


def test_positions_are_coherent_on_parallel_grids_and_not_on_oblique_ones(level):
    assert level.position_coherence(RigidTransform.identity()).max() < 0.3
    images = replace(level.images, sampled=level.images.template)
    assert replace(level, images=images).position_coherence(RigidTransform.identity()) == pytest.approx(np.ones(3))
