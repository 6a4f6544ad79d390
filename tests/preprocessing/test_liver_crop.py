"""The liver's region, on arrays of every direction."""

import itertools

import numpy as np
import pytest

from hepareg.errors import MaskError, SettingsError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import rotation_from_vector
from hepareg.preprocessing import LiverCrop
from hepareg.volume import Volume

SPACING = np.array([2.0, 2.0, 1.25])
SHAPE = (30, 28, 260)
TOP, BOTTOM = 240, 80


def upright():
    """Return a RAS liver mask: 160 slices, thin at the top, with a larger-sliced speck above that is not liver."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[8:20, 8:18, BOTTOM:TOP] = 1
    mask[10:13, 10:14, TOP] = 1  # 12 pixels of 4 mm2: 48 mm2, below the threshold
    mask[2:8, 2:8, 250:254] = 1  # another component, 144 mm2 a slice
    return Volume(mask, Grid(SHAPE, np.diag([*SPACING, 1.0]) + np.outer([5, -9, 700, 0], [0, 0, 0, 1])))


def turned(volume, order, flips):
    """Return the same voxels at the same places of the world, stored in another order and direction."""
    permutation = np.zeros((4, 4))
    permutation[3, 3] = 1
    for new, old in enumerate(order):
        permutation[old, new] = -1 if flips[new] else 1
        permutation[old, 3] = volume.shape[old] - 1 if flips[new] else permutation[old, 3]
    data = np.transpose(volume.data, order)
    data = data[tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)]
    return Volume(data, Grid(data.shape, volume.grid.world_from_voxel @ permutation))


def world_range(volume):
    corners = volume.grid.corners_mm
    return corners.min(axis=0), corners.max(axis=0)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", [(0, 0, 0), (1, 1, 0), (0, 0, 1), (1, 0, 1)])
def test_same_slices_of_the_world_in_every_direction(order, flips):
    mask = turned(upright(), order, flips)
    region = LiverCrop(num_slices=100).region(mask)
    low, high = world_range(region.apply(mask))
    top_mm = 700 + (TOP - 1) * 1.25
    assert region.outcome == "cropped"
    assert region.top_mm == pytest.approx(top_mm)
    assert (region.num_slices, region.extent_mm) == (100, 125.0)
    assert (high[2], low[2]) == pytest.approx((top_mm, top_mm - 99 * 1.25))
    assert np.allclose([low[:2], high[:2]], np.array(world_range(mask))[:, :2])


def test_two_hundred_slices_from_the_top_inclusive():
    region = LiverCrop().region(upright())
    assert region.top_slice == TOP - 1
    assert (region.start[2], region.stop[2]) == (TOP - 200, TOP)
    flipped = LiverCrop().region(turned(upright(), (0, 1, 2), (0, 0, 1)))
    k_top = SHAPE[2] - TOP
    assert flipped.top_slice == k_top
    assert (flipped.start[2], flipped.stop[2]) == (k_top, k_top + 200)


@pytest.mark.parametrize(("area", "top"), [(48.0, TOP), (48.1, TOP - 1), (50.0, TOP - 1)])
def test_threshold_is_an_area_and_counts_itself(area, top):
    assert LiverCrop(min_area_mm2=area).region(upright()).top_slice == top


def test_too_few_slices():
    mask = upright()
    short = Volume(mask.data[:, :, 100:], mask.grid.crop((0, 0, 100), SHAPE))
    skipped = LiverCrop().region(short)
    assert (skipped.outcome, skipped.num_slices_below, skipped.num_slices) == ("skipped", 140, 160)
    assert skipped.apply(short).shape == short.shape
    clamped = LiverCrop(short="clamp", lateral_margin_mm=0).region(short)
    assert (clamped.outcome, clamped.num_slices) == ("clamped", 140)
    assert clamped.apply(short).shape == (12, 10, 140)


@pytest.mark.parametrize(("extent", "slices"), [(200, 160), (200.1, 161), (1.0, 1)])
def test_extent_reaches_at_least_as_far(extent, slices):
    assert LiverCrop(extent_mm=extent).region(upright()).num_slices == slices


def test_lateral_margin_holds_the_largest_component_and_stays_inside():
    region = LiverCrop(lateral_margin_mm=3.0).region(upright())
    assert (region.start[:2].tolist(), region.stop[:2].tolist()) == ([6, 6], [22, 20])
    wide = LiverCrop(lateral_margin_mm=500.0).region(upright())
    assert (wide.start[:2].tolist(), wide.stop[:2].tolist()) == ([0, 0], [30, 28])


def test_world_of_the_crop_is_that_of_the_image():
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_from_vector([0.2, -0.3, 0.5]) @ np.diag(SPACING * [1, -1, 1])
    matrix[:3, 3] = [123.456, -78.9, 1000.1]
    mask = Volume(upright().data, Grid(SHAPE, matrix))
    region = LiverCrop(num_slices=50, lateral_margin_mm=4).region(mask)
    cropped = region.apply(mask)
    voxels = np.argwhere(cropped.data)
    assert np.abs(cropped.grid.world_points(voxels) - mask.grid.world_points(voxels + region.start)).max() < 1e-9
    assert (mask.data[tuple((voxels + region.start).T)] != 0).all()
    assert region.outcome == "cropped"


def test_bad_masks_and_settings():
    with pytest.raises(MaskError, match="empty"):
        LiverCrop().region(upright().with_data(np.zeros(SHAPE, bool)))
    with pytest.raises(MaskError, match="at least 1e\\+06 mm2"):
        LiverCrop(min_area_mm2=1e6).region(upright())
    for wrong in ({"num_slices": 0}, {"extent_mm": -1.0}, {"short": "guess"}, {"lateral_margin_mm": -1.0}):
        with pytest.raises(SettingsError):
            LiverCrop(**wrong)
