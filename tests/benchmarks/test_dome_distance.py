"""The distance of two domes with a known shift, and the other measures of a real pair."""

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy.closeness import Breath, RealPair, open_surface_distance_mm
from benchmarks.accuracy.dome_distance import closest_rigid, dome_distance, dome_points_mm
from hepareg.transforms import RigidTransform

sys.path.insert(0, str(Path(__file__).parent))
from two_breaths import CENTRE_MM, LIFT_MM, RADII_MM, SHAPE, breath, grid

IDENTITY = RigidTransform.identity()
SAMPLING_MM = 0.4
"""Points of two samplings of one smooth surface lie apart by about a tenth of the spacing where it is level."""


@pytest.fixture(scope="module")
def pair():
    return RealPair(t0=breath(LIFT_MM), t5=breath(0.0 * LIFT_MM))


def test_points_of_the_dome_lie_between_voxels_on_the_surface(pair):
    points = pair.t5.dome_mm
    reach = np.linalg.norm((points - CENTRE_MM) / RADII_MM, axis=1)
    assert np.abs(reach - 1).max() * RADII_MM.mean() < 0.3, "interpolation within an edge two voxels wide"
    assert (points[:, 2] > CENTRE_MM[2]).all()


def test_the_distance_of_lifted_domes_is_the_lift_where_they_are_level(pair):
    top = pair.t5.dome_mm[np.linalg.norm((pair.t5.dome_mm - CENTRE_MM)[:, :2], axis=1) < 8.0]
    before = dome_distance(top, pair.t0.dome_mm, IDENTITY)
    assert before.mean_mm == pytest.approx(LIFT_MM[2], abs=SAMPLING_MM)
    assert before.num_points == len(top)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_true_shift_brings_the_domes_together_and_half_of_it_half_way(pair, share):
    pose = RigidTransform.from_vectors(np.zeros(3), share * LIFT_MM)
    found = dome_distance(pair.t5.dome_mm, pair.t0.dome_mm, pose)
    left_mm = (1 - share) * LIFT_MM[2]
    assert 0.6 * left_mm - SAMPLING_MM < found.mean_mm < left_mm + SAMPLING_MM, "on slopes the nearest point is nearer"
    assert found.median_mm <= found.p95_mm
    assert found.far_share == 0


def test_the_far_share_counts_points_beyond_ten_millimetres():
    points = np.array([[0.0, 0, 0], [9.9, 0, 0], [10.1, 0, 0], [50.0, 0, 0]])
    assert dome_distance(points, points[:1], IDENTITY).far_share == 0.5


@pytest.mark.parametrize("flips", [(-1, -1, 1), (1, 1, -1)])
def test_the_dome_does_not_depend_on_the_order_of_voxels(pair, flips):
    turned = breath(0.0 * LIFT_MM, grid(flips))
    ours = sorted(map(tuple, np.round(pair.t5.dome_mm, 6)))
    assert sorted(map(tuple, np.round(dome_points_mm(turned.image, turned.liver), 6))) == ours


def test_a_liver_without_lung_above_and_a_mask_on_another_grid_are_refused(pair):
    image = pair.t5.image
    with pytest.raises(ValueError, match="liver below the lung"):
        dome_points_mm(image.with_data(np.zeros(image.shape)), pair.t5.liver)
    with pytest.raises(ValueError, match="another grid"):
        dome_points_mm(image, breath(0.0 * LIFT_MM, grid((1, 1, -1))).liver)


def test_the_closest_rigid_transform_leaves_no_more_than_the_sampling(pair):
    points, others = pair.t5.dome_mm, pair.t0.dome_mm
    found = dome_distance(points, others, closest_rigid(points, others))
    true = dome_distance(points, others, RigidTransform.from_vectors(np.zeros(3), LIFT_MM))
    assert found.mean_mm <= true.mean_mm


def test_the_cut_end_counts_in_one_distance_of_surfaces_and_not_in_the_other(pair):
    """The truth moves the flat lower end with the liver, though both scans are cut at one height."""
    truth = RigidTransform.from_vectors(np.zeros(3), LIFT_MM)
    found = pair.closeness(truth)
    assert found["surfaces_without_cut_end_mm"] < 1.5, "half of a voxel's diagonal, 2.5 mm, at most"
    assert found["surfaces"]["assd_mm"] > found["surfaces_without_cut_end_mm"] + 0.5
    assert pair.closeness(IDENTITY)["surfaces_without_cut_end_mm"] > 2.0
    same = pair.t5.liver
    assert open_surface_distance_mm(same, same, IDENTITY) == 0


def test_both_directions_of_the_dome_are_named_by_the_dome_whose_points_are_sent():
    """The dome of t0 is the larger one, so only its own points lie far from the other dome."""
    whole = breath(0.0 * LIFT_MM)
    part = whole.liver.with_data(whole.liver.data & (np.arange(SHAPE[0]) < SHAPE[0] // 2)[:, None, None])
    found = RealPair(t0=whole, t5=Breath(whole.image, part)).closeness(IDENTITY)
    assert found["dome_of_t5"]["mean_mm"] == pytest.approx(0, abs=1e-9)
    assert found["dome_of_t0"]["mean_mm"] > 5
    assert found["dome_of_t0"]["num_points"] > found["dome_of_t5"]["num_points"]
