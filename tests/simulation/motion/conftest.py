"""A liver between two walls, and motions of it."""

import numpy as np
import pytest

from hepareg.geometry import Grid
from hepareg.simulation import MotionSettings
from hepareg.simulation.anatomy.anatomy import Anatomy
from hepareg.simulation.motion.motion import draw_motion
from hepareg.simulation.organ_space import OrganSpace

GRID = Grid((80, 80, 70), np.array([[3.0, 0, 0, -100], [0, 3, 0, -140], [0, 0, 3, 20], [0, 0, 0, 1]]))


@pytest.fixture(scope="session")
def anatomy():
    """A lying egg in a box with walls 15 mm from it at one side."""
    i, j, k = np.indices(GRID.shape)
    liver = ((i - 40) / 22) ** 2 + ((j - 40) / 18) ** 2 + ((k - 34) / 14) ** 2 < 1
    static = np.zeros(GRID.shape, dtype=bool)
    static[67:] = static[:4] = True
    return Anatomy(GRID, liver.astype(np.uint8), liver, static, (), ())


@pytest.fixture(scope="session")
def space(anatomy):
    return OrganSpace(anatomy.liver, GRID)


@pytest.fixture(scope="session")
def drawn(anatomy, space):
    """Function that draws a motion from a seed and settings."""

    def draw(seed=0, **settings):
        rng = np.random.default_rng(seed)
        return draw_motion(MotionSettings(**settings), space=space, in_the_way=anatomy.fraction_static, rng=rng)

    return draw
