"""Motion: drawn within its ranges, with a truth that is the best rigid fit."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hepareg.errors import SettingsError
from hepareg.simulation import MotionSettings
from hepareg.simulation.motion.motion import BREATHING_MM, draw_rigid
from hepareg.simulation.motion.sliding import sliding_field


def angle_deg(transform):
    return math.degrees(math.acos(np.clip((np.trace(transform.matrix[:3, :3]) - 1) / 2, -1, 1)))


@pytest.mark.parametrize("kind", ["breathing", "random"])
def test_ranges_are_kept(space, drawn, kind):
    centre = space.points.mean(0)
    for seed in range(20):
        motion = drawn(
            seed, kind=kind, translation_mm=(8, 14), rotation_deg=(2, 5),
            body_translation_mm=(30, 40), body_rotation_deg=(10, 15),
        )  # fmt: skip
        for rigid, (low, high), (small, large) in ((motion.liver, (8, 14), (2, 5)), (motion.body, (30, 40), (10, 15))):
            assert low <= np.linalg.norm(rigid.apply(centre) - centre) <= high
            assert small - 1e-6 <= angle_deg(rigid) <= large + 1e-6
        np.testing.assert_allclose(motion.truth.matrix, motion.body.matrix @ motion.liver.matrix, atol=1e-12)


def test_breathing_goes_mostly_up_and_down_and_turns_mostly_sideways():
    rng = np.random.default_rng(0)
    settings = MotionSettings(translation_mm=(10, 10), rotation_deg=(5, 5))
    livers = [draw_rigid(settings, centre_mm=np.zeros(3), rng=rng)[0] for _ in range(400)]
    shifts = np.abs([liver.translation_at(np.zeros(3)) for liver in livers]).mean(0)
    assert np.argsort(shifts).tolist() == np.argsort(BREATHING_MM).tolist() == [0, 1, 2]
    axes = np.abs([Rotation.from_matrix(liver.matrix[:3, :3]).as_rotvec() for liver in livers]).mean(0)
    assert axes.argmax() == 0


def test_random_motion_has_no_favourite_direction():
    rng = np.random.default_rng(1)
    settings = MotionSettings(kind="random", translation_mm=(10, 10))
    shifts = [draw_rigid(settings, centre_mm=np.zeros(3), rng=rng)[0].translation_at(np.zeros(3)) for _ in range(600)]
    np.testing.assert_allclose(np.abs(shifts).mean(0), 5.0, atol=0.5)  # half the length, for a uniform direction
    assert np.abs(np.mean(shifts, axis=0)).max() < 1


def test_a_still_liver_moves_with_the_body(anatomy, space, drawn):
    motion = drawn(kind="still", body_translation_mm=(100, 120), body_rotation_deg=(15, 20))
    assert motion.liver_is_still
    np.testing.assert_allclose(motion.truth.matrix, motion.body.matrix, atol=1e-12)
    assert sliding_field(anatomy, motion, space=space, spacing_mm=3.0) is None  # nothing slides: everything moves


def test_truth_of_a_bending_liver_is_the_least_squares_fit(anatomy, drawn):
    motion = drawn(kind="random", translation_mm=(12, 12), rotation_deg=(6, 6), bend_mm=3.0)
    # Every voxel of the mask counts alike: weighted by volume. scipy's own solution of the same problem.
    voxels = anatomy.grid.world_points(np.argwhere(anatomy.liver))
    moved = motion.forward(voxels)
    a, b = voxels.mean(0), moved.mean(0)
    rotation, _ = Rotation.align_vectors(moved - b, voxels - a)
    best = rotation.apply(voxels - a) + b
    assert np.linalg.norm(motion.truth.apply(voxels) - best, axis=1).max() < 0.1
    left, least = (np.sqrt(((moved - fit) ** 2).sum(1).mean()) for fit in (motion.truth.apply(voxels), best))
    assert left == pytest.approx(least, rel=1e-3)
    assert left == pytest.approx(3.0, rel=0.05)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"kind": "walking"}, "walking"),
        ({"translation_mm": (9.0, 3.0)}, "range"),
        ({"rotation_deg": (-4.0, 3.0)}, "range"),
        ({"body_translation_mm": (0.0, math.inf)}, "range"),
        ({"rotation_deg": (170.0, 181.0)}, "up to 180"),
        ({"body_rotation_deg": (0.0, 400.0)}, "up to 180"),
        ({"bend_mm": 40.0}, "bend_mm"),
    ],
)
def test_bad_settings(wrong, text):
    with pytest.raises(SettingsError, match=text):
        MotionSettings(**wrong)
