"""The pose of two surfaces alone."""

import numpy as np
import pytest

from hepareg import Grid, Volume
from hepareg.registration.mask_surface import MaskSurfaceSettings, mask_surface
from hepareg.registration.surface_pair import SurfaceErrorSettings, SurfacePair, step_between
from hepareg.transforms import RigidTransform

CENTRE = np.array([10.0, 20.0, 30.0])
TRUTH = RigidTransform.from_vectors([0.08, -0.05, 0.1], [6.0, -4.0, 8.0], centre_mm=CENTRE)
WEAK = np.eye(6) / 15.0**2


def blob(pose, spill=False):
    """A lopsided body of three balls that a pose has moved; with a foreign ball beside it on request."""
    grid = Grid((84, 84, 84), np.array([[2.0, 0, 0, -74], [0, 2.0, 0, -64], [0, 0, 2.0, -54], [0, 0, 0, 1]]))
    points = pose.inverse().apply(grid.world_points(np.moveaxis(np.indices(grid.shape), 0, -1)))
    balls = [((0, 0, 0), 34), ((30, 12, 4), 22), ((-8, -22, 24), 18)] + [((0, 34, -16), 16)] * spill
    inside = np.any([np.linalg.norm(points - CENTRE - place, axis=-1) <= radius for place, radius in balls], axis=0)
    return Volume(inside, grid)


def pair_of(template, sampled, **errors):
    surfaces = [mask_surface(m, settings=MaskSurfaceSettings()) for m in (template, sampled)]
    return SurfacePair(*surfaces, CENTRE, SurfaceErrorSettings(**errors))


def error_mm(pose):
    points = CENTRE + 30 * np.vstack([np.eye(3), -np.eye(3)])
    return float(np.linalg.norm(pose.apply(points) - TRUTH.apply(points), axis=1).mean())


def test_surfaces_find_the_pose_and_say_how_well():
    pair = pair_of(blob(RigidTransform.identity()), blob(TRUTH))
    found = pair.fit(RigidTransform.identity(), WEAK)
    assert error_mm(found.pose) < 0.4  # voxels of 2 mm; the start is 12 mm off
    # some 12 to 16 squares of 30 mm with 1.5 mm each: about 1.5 / sqrt(14 / 3) mm along each axis
    errors_mm = np.sqrt(np.diag(np.linalg.inv(found.information)))[3:]
    assert (errors_mm > 0.4).all()
    assert (errors_mm < 1.2).all()


def test_exchanged_roles_give_the_inverse():
    masks = blob(RigidTransform.identity()), blob(TRUTH)
    there = pair_of(*masks).fit(RigidTransform.identity(), WEAK).pose
    back = pair_of(*masks[::-1]).fit(RigidTransform.identity(), WEAK).pose
    gap = np.linalg.norm(step_between(there, back.inverse(), centre_mm=CENTRE))
    assert gap < 0.1  # only the weak prior and the end of the iteration tell the roles apart


def test_a_strong_prior_holds_the_pose():
    pair = pair_of(blob(RigidTransform.identity()), blob(TRUTH))
    held = pair.fit(RigidTransform.identity(), 1e5 * np.eye(6)).pose
    assert np.linalg.norm(step_between(RigidTransform.identity(), held, centre_mm=CENTRE)) < 0.02


def test_a_foreign_part_of_one_mask_pulls_less_with_robust_weights():
    masks = blob(RigidTransform.identity()), blob(TRUTH, spill=True)
    errors = [error_mm(pair_of(*masks, outlier_factor=k).fit(TRUTH, WEAK).pose) for k in (2.0, 1e6)]
    assert errors[0] < 0.75 * errors[1]
    assert errors[1] > 0.3  # else the part would be no test


def test_the_derivative_is_that_of_the_distances():
    pair = pair_of(blob(RigidTransform.identity()), blob(TRUTH), least_error_mm=100.0, outlier_factor=1e6)
    pose = RigidTransform.from_vectors([0.03, 0.0, 0.02], [3.0, -3.0, 5.0], centre_mm=CENTRE)
    hessian, gradient = pair.equations(pose)
    better = pair.fit(pose, WEAK / 1e6).pose
    step = step_between(pose, better, centre_mm=CENTRE)
    # the variance is constant, so that Newton's step from the equations points at the optimum
    newton = -np.linalg.solve(hessian, gradient)
    assert newton @ step / np.linalg.norm(newton) / np.linalg.norm(step) == pytest.approx(1.0, abs=0.1)
