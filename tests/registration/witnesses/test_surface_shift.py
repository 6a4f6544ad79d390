"""The distance between the surfaces of two masks: small where they differ by a pose, large where a part has moved."""

from dataclasses import replace

import numpy as np
import pytest

from hepareg.geometry import Grid
from hepareg.registration.mask_surface import MaskSurfaceSettings, mask_surface
from hepareg.registration.witnesses.surface_shift import surface_shift_mm
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

POSE = RigidTransform.from_vectors((0.05, -0.08, 0.1), (6.3, -4.1, 8.7))
FIXED = Grid((90, 80, 70), np.diag([2.0, 2.0, 2.5, 1.0]))
OTHER = Grid((110, 100, 70), np.diag([1.8, 1.8, 2.7, 1.0]))
CENTRE = np.array([90.0, 80.0, 85.0])


def liver(points):
    """Return the signed function of a flat ellipsoid with a lobe, negative inside; mm of the fixed world."""
    right = np.linalg.norm((points - CENTRE) / [55.0, 45.0, 60.0], axis=-1)
    left = np.linalg.norm((points - CENTRE - [-50.0, 15.0, 20.0]) / [45.0, 30.0, 25.0], axis=-1)
    return np.minimum(right, left) - 1.0


def mask(grid, inside):
    points = grid.world_points(np.moveaxis(np.indices(grid.shape), 0, -1))
    return Volume(inside(points) <= 0, grid)


def moved(points, lobe_mm=0.0):
    """Return fixed points of moved ones, with the left lobe lifted by some mm."""
    back = POSE.inverse().apply(points.reshape(-1, 3)).reshape(points.shape)
    share = np.clip((CENTRE[0] - 40.0 - back[..., 0]) / 20.0, 0, 1)
    return back - share[..., None] * [0.0, 0.0, lobe_mm]


def shift_mm(reference, other, pose):
    surfaces = (mask_surface(one, settings=MaskSurfaceSettings()) for one in (reference, other))
    return surface_shift_mm(*surfaces, pose)


@pytest.fixture(scope="module")
def reference():
    return mask(FIXED, liver)


def test_surfaces_that_differ_by_the_pose_alone_lie_on_each_other(reference):
    other = mask(OTHER, lambda points: liver(moved(points)))
    # Voxel masks are off by up to half a voxel at random, which averages out over a part.
    assert shift_mm(reference, other, POSE) < 0.6
    aside = RigidTransform.from_vectors(np.zeros(3), (0.0, 0.0, 4.0))
    assert shift_mm(reference, other, RigidTransform(aside.matrix @ POSE.matrix)) > 2.0


@pytest.mark.parametrize("lobe_mm", [8.0, -8.0])
def test_a_lobe_that_moved_is_heard_although_the_rest_fits(reference, lobe_mm):
    other = mask(OTHER, lambda points: liver(moved(points, lobe_mm)))
    assert shift_mm(reference, other, POSE) > 2.0  # the limit of the verdict


def test_a_mask_that_lacks_a_lobe_is_heard(reference):
    other = mask(OTHER, lambda points: np.where(moved(points)[..., 0] < CENTRE[0] - 45.0, 1.0, liver(moved(points))))
    assert shift_mm(reference, other, POSE) > 5.0


@pytest.mark.parametrize("face", ["bottom", "top"])
def test_the_end_of_an_image_is_no_surface_of_the_liver(reference, face):
    other = mask(OTHER, lambda points: liver(moved(points)))
    cut = other.crop((0, 0, 30), other.shape) if face == "bottom" else other.crop((0, 0, 0), (*other.shape[:2], 40))
    assert shift_mm(reference, cut, POSE) < 0.8
    assert shift_mm(cut, reference, POSE.inverse()) < 0.8


def test_masks_that_do_not_meet_are_as_far_apart_as_can_be_told(reference):
    other = mask(OTHER, lambda points: liver(moved(points)))
    away = RigidTransform.from_vectors(np.zeros(3), (0.0, 0.0, 400.0))
    assert shift_mm(reference, other, RigidTransform(away.matrix @ POSE.matrix)) == pytest.approx(10.0)


def test_little_surface_says_nothing(reference):
    surface = mask_surface(reference, settings=MaskSurfaceSettings())
    little = replace(surface, areas_mm2=surface.areas_mm2 / 1000)
    assert surface_shift_mm(surface, surface, RigidTransform.identity()) < 0.1
    assert surface_shift_mm(little, surface, RigidTransform.identity()) is None
