"""What no rigid transform can follow, and its place in words."""

import numpy as np
import pytest

from hepareg.refinement.direction import Direction
from hepareg.registration.left_by_rigid import left_by_rigid, part_of_liver
from hepareg.registration.tissue_motion import TissueMotion
from hepareg.transforms import RigidTransform
from hepareg.transforms.fit import fit_rigid

POINTS = np.random.default_rng(2).uniform([-90, -60, -70], [90, 60, 70], (2000, 3)) + np.array([30.0, -20.0, 900.0])
POSE = RigidTransform.from_vectors([0.1, -0.05, 0.2], [4.0, -8.0, 12.0])


def motion(displacement_mm):
    places = POSE.apply(POINTS) + displacement_mm
    return TissueMotion(POINTS, places, np.zeros(len(POINTS)), fit_rigid(POINTS, places), gain=0.5)


def lobe(offset_mm):
    """Return the displacement of the left third of the liver by an offset in the searched world."""
    return np.where(POINTS[:, :1] < 0, offset_mm, 0.0)


def test_a_lobe_that_moves_is_named_with_its_offset():
    left = left_by_rigid(motion(lobe([0.0, 0.0, -9.0])), POSE, direction=Direction())
    assert left.where == "left part"
    assert left.offset_mm == pytest.approx((0, 0, -9), abs=1e-6)
    assert left.point_mm[0] < 0  # RAS: the patient's left
    assert 0 < left.mean_mm < left.p95_mm < left.max_mm < 9


def test_exchanged_images_give_the_offset_in_the_moving_world():
    """With the moving image as the reference, tissue at a point lies where the transform's inverse does not go."""
    offset = np.array([0.0, 0.0, -9.0])
    left = left_by_rigid(motion(lobe(offset)), POSE, direction=Direction(exchanged=True))
    assert left.where == "left part"
    # The point is one of the fixed world, which is the searched image's here.
    back = POSE.inverse().apply(np.array([left.point_mm]))[0]
    assert POINTS.min(axis=0)[0] < back[0] < 0
    # moving_from_fixed takes the tissue's fixed place back to a point off by the turned offset.
    assert left.offset_mm == pytest.approx(-POSE.rotation.T @ offset, abs=1e-6)


def test_a_rigid_liver_leaves_nothing():
    left = left_by_rigid(motion(np.zeros(3)), POSE, direction=Direction())
    assert left.max_mm < 1e-9
    assert np.linalg.norm(left.offset_mm) < 1e-9


@pytest.mark.parametrize(
    ("axis", "sense", "name"),
    [
        (0, -1, "left part"),
        (0, 1, "right part"),
        (1, -1, "back"),
        (1, 1, "front"),
        (2, -1, "lower tip"),
        (2, 1, "dome"),
    ],
)
def test_parts_are_named_in_ras(axis, sense, name):
    at = sense * (POINTS[:, axis] - POINTS[:, axis].mean())
    assert part_of_liver(POINTS, at > np.quantile(at, 0.9)) == name


def test_a_place_inside_is_the_middle():
    near = np.linalg.norm(POINTS - POINTS.mean(axis=0), axis=1) < 25
    assert part_of_liver(POINTS, near) == "middle"
