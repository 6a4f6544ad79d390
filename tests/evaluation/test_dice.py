"""Dice overlap."""

import numpy as np
import pytest

from hepareg.errors import MaskError
from hepareg.evaluation import dice, dice_after
from hepareg.evaluation.dice_approximate import dice_approximate
from hepareg.geometry import Grid
from hepareg.transforms import RigidTransform
from hepareg.transforms.resample import resample
from hepareg.volume import Volume

FIXED = Grid((40, 36, 24), [[-1.5, 0, 0, 30.0], [0, -1.5, 0, 27.0], [0, 0, 2.5, -30.0], [0, 0, 0, 1]])
MOVING = Grid((50, 50, 50), [[0.8, 0.6, 0, -30.0], [-0.6, 0.8, 0, -3.0], [0, 0, -1.2, 33.0], [0, 0, 0, 1]])
POSE = RigidTransform.from_vectors([0.1, 0.2, -0.3], [4, -6, 5])


def ball(grid, centre, radius):
    voxels = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    return Volume(np.linalg.norm(grid.world_points(voxels) - centre, axis=-1) <= radius, grid)


def test_perfect_worst_and_half():
    a = np.zeros((4, 4, 4), bool)
    a[:2] = True
    assert dice(a, a) == 1.0
    assert dice(a, ~a) == 0.0
    assert dice(a, np.roll(a, 1, axis=0)) == 0.5
    assert dice(a, np.zeros_like(a)) == 0.0
    assert dice(a * 3, a * np.uint8(7)) == 1.0


def test_undefined_is_an_error():
    with pytest.raises(MaskError, match="two empty"):
        dice(np.zeros((2, 2)), np.zeros((2, 2)))
    with pytest.raises(MaskError, match="one shape"):
        dice(np.zeros((2, 2)), np.zeros((2, 3)))


def test_moved_onto_the_other_grid():
    centre = np.array([2.0, 3.0, -1.0])
    fixed, moving = ball(FIXED, centre, 17), ball(MOVING, POSE.apply(centre), 17)
    right = dice_after(moving_mask=moving, fixed_mask=fixed, moving_from_fixed=POSE)
    wrong_way = dice_after(moving_mask=moving, fixed_mask=fixed, moving_from_fixed=POSE.inverse())
    assert right > 0.97  # two voxelisations of one ball
    assert wrong_way < 0.8
    far = RigidTransform.from_vectors([0, 0, 0], [500, 0, 0])
    assert dice_after(moving_mask=moving, fixed_mask=fixed, moving_from_fixed=far) == 0.0


def test_sampling_a_part_only_changes_nothing():
    """Against the plain way: the whole mask sampled on the whole grid, border cut and all."""
    fixed, moving = ball(FIXED, np.array([20.0, 3, -20]), 19), ball(MOVING, np.array([-10.0, 3.0, 20.0]), 25)
    pose = RigidTransform.from_vectors([0.1, 0.2, -0.3], [-20, -6, 35])
    weights = Volume(moving.data.astype(float), MOVING)
    pulled = resample(weights, FIXED, moving_from_fixed=pose, padding=0.0).data > 0.5
    everywhere = np.stack(np.meshgrid(*map(np.arange, FIXED.shape), indexing="ij"), axis=-1)
    places = MOVING.voxel_points(pose.apply(FIXED.world_points(everywhere)))
    seen = ((places >= -0.5) & (places <= np.array(MOVING.shape) - 0.5)).all(axis=-1)  # to the outer faces
    assert 0.1 < (fixed.data & seen).sum() / fixed.data.sum() < 0.95  # the border does cut it
    expected = dice(pulled, fixed.data & seen)
    assert 0.1 < expected < 0.9
    assert dice_after(moving_mask=moving, fixed_mask=fixed, moving_from_fixed=pose) == expected


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_lattice_says_nearly_the_same(order):
    fixed, moving = ball(FIXED, np.array([20.0, 3, -20]), 19), ball(MOVING, np.array([-10.0, 3.0, 20.0]), 25)
    fixed, moving = (mask.with_data(np.asarray(mask.data, order=order)) for mask in (fixed, moving))
    pose = RigidTransform.from_vectors([0.1, 0.2, -0.3], [-20, -6, 35])
    masks = {"moving_mask": moving, "fixed_mask": fixed, "moving_from_fixed": pose}
    expected = dice_after(**masks)
    assert dice_approximate(**masks, spacing_mm=0.1) == pytest.approx(expected, abs=2e-3)
    assert dice_approximate(**masks, spacing_mm=3.0) == pytest.approx(expected, abs=0.02)  # 200 points, not 30,000
    far = RigidTransform.from_vectors([0, 0, 0], [500, 0, 0])
    assert dice_approximate(**{**masks, "moving_from_fixed": far}) == 0.0
    empty = fixed.with_data(np.zeros(fixed.shape, bool))
    with pytest.raises(MaskError, match="at least one voxel"):
        dice_approximate(moving_mask=empty, fixed_mask=empty, moving_from_fixed=pose)


@pytest.mark.parametrize("measure", [dice_after, dice_approximate])
def test_a_border_that_cuts_either_image_costs_nothing(measure):
    """The same ball in both images, one of which ends in its middle: where both see it, it agrees."""
    centre, still = np.array([2.0, 3.0, -1.0]), RigidTransform.identity()
    whole, cut = ball(FIXED, centre, 17), ball(FIXED, centre, 17).crop([0, 0, 0], [40, 36, 12])
    assert measure(moving_mask=cut, fixed_mask=whole, moving_from_fixed=still) > 0.999
    assert measure(moving_mask=whole, fixed_mask=cut, moving_from_fixed=still) > 0.999


def test_masks_between_two_points_of_the_lattice_have_no_overlap_and_no_error():
    """The only slice lies between two planes of the lattice, and the moving mask is far away."""
    thin = np.zeros((9, 9, 5), dtype=bool)
    thin[:, :, 4] = True
    mask = Volume(thin, Grid((9, 9, 5), np.eye(4)))
    far = RigidTransform.from_vectors(np.zeros(3), [500.0, 0, 0])
    assert dice_approximate(moving_mask=mask, fixed_mask=mask, moving_from_fixed=far) == 0.0
