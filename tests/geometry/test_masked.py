"""World points of masks."""

import numpy as np
import pytest
import torch

from hepareg.errors import MaskError
from hepareg.geometry import Grid
from hepareg.geometry import masked as module
from hepareg.geometry.masked import iterate_points_mm, points_mm, spread_points_mm
from hepareg.geometry.profile import mask_profile

OBLIQUE = Grid((7, 9, 5), [[-0.6, 0.4, 0.0, 12.0], [0.8, 0.3, 0.0, -7.0], [0.0, 0.0, 2.5, 100.0], [0, 0, 0, 1]])


@pytest.mark.parametrize("order", ["C", "F"])
def test_points_are_the_world_points_of_the_mask(order, monkeypatch):
    mask = np.asarray(np.random.default_rng(1).random(OBLIQUE.shape) > 0.7, order=order)
    expected = OBLIQUE.world_points(np.argwhere(mask))
    monkeypatch.setattr(module, "PORTION_VOXELS", 50)
    portions = list(iterate_points_mm(mask, OBLIQUE))
    assert len(portions) > 1
    found = np.concatenate(portions)
    assert np.allclose(found[np.lexsort(found.T)], expected[np.lexsort(expected.T)], atol=1e-12)


def test_wrong_masks_are_errors():
    with pytest.raises(MaskError, match="empty"):
        points_mm(np.zeros(OBLIQUE.shape), OBLIQUE)
    with pytest.raises(MaskError, match="as its grid says"):
        points_mm(np.ones((2, 2, 2)), OBLIQUE)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_are_counted_across_any_axis(axis):
    mask = np.random.default_rng(0).random((5, 6, 7)) > 0.6
    assert mask_profile(mask).counts[axis].tolist() == [int(part.sum()) for part in np.moveaxis(mask, axis, 0)]


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
@pytest.mark.parametrize("count", [20, 400, 10_000])
def test_spread_points_lie_on_a_lattice_of_the_mask(kind, count):
    shape = (30, 24, 18)
    mask = np.zeros(shape, np.uint8)
    mask[4:25, 3:20, 5:16] = 7
    grid = Grid(shape, OBLIQUE.world_from_voxel)
    points = spread_points_mm(kind(mask), grid, count=count)
    voxels = grid.voxel_points(points)
    assert np.abs(voxels - np.rint(voxels)).max() < 1e-9  # rounding of coordinates up to 100 mm
    assert mask[tuple(np.rint(voxels).astype(int).T)].all()
    assert min(count, mask.sum() // 7) / 2 < len(points) < 8 * count
    assert np.array_equal(points, spread_points_mm(kind(mask), grid, count=count, profile=mask_profile(mask)))
    # from end to end: what is left over at the upper end is less than a step, which is at most 6 voxels here
    assert (np.ptp(voxels, axis=0) > np.array([21, 17, 11]) - 7).all()


def test_a_mask_beside_the_lattice_still_has_points():
    mask = np.zeros((40, 40, 40), bool)
    mask[1::2, 1::2, 1::2] = True  # 8,000 voxels at odd positions, so that the lattice has a step of 2 ...
    mask[0, 1, 1] = mask[1, 0, 1] = mask[1, 1, 0] = True  # ... and begins at 0: no voxel of the mask lies on it
    points = spread_points_mm(mask, Grid(mask.shape, np.eye(4)), count=1000)
    assert len(points) == 1000
    assert mask[tuple(points.astype(int).T)].all()
