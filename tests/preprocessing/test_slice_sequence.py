"""The order of a scan's slices: even sequences in any noise, and slices shuffled, doubled, reversed and lost."""

import numpy as np
import pytest
from scipy import ndimage

from hepareg.geometry import Grid
from hepareg.preprocessing.slice_sequence import slice_sequence
from hepareg.volume import Volume

SHAPE = (60, 56, 48)
BOX = (np.array([4, 4, 2]), np.array([56, 52, 46]))
GRID = Grid(SHAPE, np.diag([2.0, 2.0, 2.5, 1.0]))


@pytest.fixture(scope="module")
def tissue():
    """Blobs about 20 mm wide, 60 HU apart as fat, organs and vessels are, without noise."""
    blobs = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(SHAPE), (5, 5, 4))
    return 50.0 + 60.0 * blobs / blobs.std()


def sequence(voxels, order=slice(None), *, noise_hu=10.0, box=BOX, grid=GRID):
    noise = noise_hu * np.random.default_rng(1).standard_normal(voxels.shape)
    data = (voxels + noise).astype(np.int16)[:, :, order]
    return slice_sequence(Volume(data, Grid(data.shape, grid.world_from_voxel)), box)


@pytest.mark.parametrize("noise_hu", [0.0, 10.0, 40.0])
def test_an_even_sequence_shows_neither_disorder_nor_gap(tissue, noise_hu):
    found = sequence(tissue, noise_hu=noise_hu)
    assert found.order_ratio < 1.3  # slices that differ by noise alone have 1, and the noise of that
    assert found.gap_slices == 1.0


def test_a_flat_interface_between_organs_is_no_gap(tissue):
    """A plane through a quarter of each slice, as the end plate of a vertebra, shows in few tiles."""
    voxels = tissue.copy()
    voxels[:30, :28, 24:] += 150.0
    assert sequence(voxels).gap_slices == 1.0


def test_shuffled_reversed_and_repeated_slices(tissue):
    order = np.arange(SHAPE[2])
    shuffled = np.r_[order[:16], 16 + np.random.default_rng(2).permutation(16), order[32:]]
    reversed_ = np.r_[order[:20], order[20:28][::-1], order[28:]]
    repeated = np.r_[order[:24], order[20:24], order[24:44]]
    for faulty in (shuffled, reversed_, repeated):
        assert sequence(tissue, faulty).order_ratio > 1.5


def test_repeated_slices_are_found_under_noise_of_their_own(tissue):
    doubled = tissue[:, :, np.r_[0:24, 22:46]]
    assert sequence(doubled, noise_hu=10.0).order_ratio > 1.5


@pytest.mark.parametrize("lost", [2, 3, 5])
def test_lost_slices_are_counted(tissue, lost):
    found = sequence(tissue, np.r_[0:20, 20 + lost : SHAPE[2]], box=(BOX[0], BOX[1] - [0, 0, lost]))
    assert found.gap_slices > 0.8 * (lost + 1)  # more where the anatomy changes faster than on average
    assert found.order_ratio < 1.3


def test_the_slices_lie_across_the_body_axis_whatever_the_memory_order(tissue):
    """Slices stored first and from head to feet: the same numbers."""
    order = np.r_[0:20, 24 : SHAPE[2]]
    upright = sequence(tissue, order, box=(BOX[0], BOX[1] - [0, 0, 4]))
    data = np.ascontiguousarray((tissue + 10 * np.random.default_rng(1).standard_normal(SHAPE)).astype(np.int16))
    turned = np.moveaxis(data[:, :, order], 2, 0)[::-1]
    axes = np.zeros((4, 4))
    axes[2, 0], axes[0, 1], axes[1, 2], axes[3, 3] = -2.5, 2.0, 2.0, 1.0
    box = (np.array([44 - 42, 4, 4]), np.array([44 - 2, 56, 52]))
    found = slice_sequence(Volume(turned, Grid(turned.shape, axes)), box)
    assert found.gap_slices == pytest.approx(upright.gap_slices, abs=0.05)  # blocks of 4 mm lie otherwise
    assert found.order_ratio == pytest.approx(upright.order_ratio, abs=0.05)


def test_too_few_slices_say_nothing(tissue):
    assert sequence(tissue, box=(BOX[0], np.array([56, 52, 6]))) is None
