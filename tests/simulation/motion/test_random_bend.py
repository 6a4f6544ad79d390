"""A bend has its size, no rigid part and no divergence, and can be undone."""

import numpy as np
import pytest

from hepareg.simulation.motion.random_bend import draw_bend
from hepareg.transforms.fit import fit_rigid


@pytest.fixture(scope="module")
def bend(space):
    return draw_bend(space, rms_mm=4.0, rng=np.random.default_rng(3))


def test_its_size_is_what_no_rigid_motion_explains(bend, space):
    displacement = bend.at(space.points)
    assert np.sqrt((displacement**2).sum(axis=1).mean()) == pytest.approx(4.0, rel=1e-9)
    fit = fit_rigid(space.points, space.points + displacement)
    # the fit is taken out four times; a rotation leaves a second-order part each time
    assert np.linalg.norm(fit.apply(space.points) - space.points, axis=1).max() < 0.01


def test_it_can_be_undone(bend, space):
    points = space.points[::30]
    assert np.abs(bend.undo(points + bend.at(points)) - points).max() < 1e-3  # stops at steps of 1e-5 mm


def test_tissue_keeps_its_volume(bend):
    slopes = [np.gradient(part, *bend.grid.spacing_mm) for part in bend.displacement_mm]
    divergence = sum(slopes[axis][axis] for axis in range(3))[2:-2, 2:-2, 2:-2]
    size = np.abs(slopes[0][1])[2:-2, 2:-2, 2:-2].mean()
    # zero for the drawn field; the rigid parts that were taken out change volumes in second order
    assert np.abs(divergence).max() < 0.1 * size


def test_it_is_smooth_and_constant_beyond_its_grid(bend):
    inner = bend.displacement_mm
    assert np.abs(np.diff(inner, axis=1)).max() < 0.3 * np.abs(inner).max()
    corner = bend.grid.corners_mm[-1]
    assert np.allclose(bend.at((corner + 500)[None]), bend.at(corner[None]))


def test_a_seed_is_a_bend(space, bend):
    again, other = (draw_bend(space, rms_mm=4.0, rng=np.random.default_rng(seed)) for seed in (3, 4))
    assert np.array_equal(again.displacement_mm, bend.displacement_mm)
    assert not np.allclose(other.displacement_mm, bend.displacement_mm)
