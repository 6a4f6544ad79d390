"""Cells as observations of a displacement that remains after a pose."""

from dataclasses import replace

import numpy as np
import pytest

from hepareg.refinement.cell_observer import CellObserver, CellObserverSettings
from hepareg.refinement.direction import Direction
from hepareg.refinement.level import Level
from hepareg.refinement.settings import RefinementSettings
from hepareg.transforms import RigidTransform

SETTINGS = RefinementSettings()
OBSERVED = CellObserverSettings(block_mm=15.0)


@pytest.fixture(scope="module", params=[False, True], ids=["template is the reference", "exchanged"])
def level(request, oblique_problem):
    made = Level(Direction(), oblique_problem.images(), oblique_problem.distance(), SETTINGS.levels[1], SETTINGS)
    return made.exchange(oblique_problem.truth) if request.param else made


def common_shift(observer, start=(0.0, 0.0, 0.0), *, steps=6):
    """Return the one displacement of all blocks that the observations prefer."""
    shift = np.array(start)
    for _ in range(steps):
        H, g = observer.observe(np.tile(shift, (len(observer.points_mm), 1)))
        shift = shift - np.linalg.solve(H.sum(axis=0), g.sum(axis=0))
    return shift


def test_a_shift_that_the_pose_lacks_is_seen_in_the_reference_world(level, oblique_problem):
    """pose(x + u) is the truth if u is the shift that was taken from the pose."""
    missing = np.array([1.5, -1.0, 2.0])
    away = RigidTransform.from_vectors(np.zeros(3), -missing)
    pose = RigidTransform((oblique_problem.truth @ away).matrix)
    found = common_shift(CellObserver(level, pose, settings=OBSERVED))
    assert np.linalg.norm(found - missing) < 0.4  # a tenth of a voxel of 3 to 4 mm


def test_small_displacements_are_linearised_at_the_pose(level, oblique_problem):
    observer = CellObserver(level, oblique_problem.truth, settings=OBSERVED)
    exact = CellObserver(level, oblique_problem.truth, settings=replace(OBSERVED, still_mm=0.0))
    small = np.full((len(observer.points_mm), 3), 0.1)
    for seen, wanted in zip(observer.observe(small), exact.observe(small), strict=True):
        # Blocks whose voxels move by a thirtieth of a voxel; some voxels enter or leave the image.
        assert np.abs((seen - wanted).sum(axis=0)).max() < 0.2 * np.abs(wanted).sum(axis=0).max()


def test_coarse_levels_count_every_residual(level, oblique_problem):
    coarse = CellObserver(level, oblique_problem.truth, settings=OBSERVED)
    robust = CellObserver(level, oblique_problem.truth, settings=replace(OBSERVED, robust_below_mm=100.0))
    still = np.zeros_like(coarse.points_mm)
    assert level.residual.settings.robust  # the level's own residual stays as it was
    assert not np.allclose(coarse.observe(still)[0], robust.observe(still)[0])


def test_the_displacement_that_is_seen_explains_more(level, oblique_problem):
    away = RigidTransform.from_vectors(np.zeros(3), [2.0, 1.0, -1.0])
    observer = CellObserver(level, RigidTransform((oblique_problem.truth @ away).matrix), settings=OBSERVED)
    still = np.zeros_like(observer.points_mm)
    moved = np.tile(common_shift(observer), (len(still), 1))
    assert observer.unexplained(moved) < 0.6 * observer.unexplained(still)
