"""Linear interpolation on lattices agrees with scipy's at the same positions."""

import numpy as np
import pytest
from scipy import ndimage

from hepareg.simulation.interpolation import resample_axes, sample_affine, sample_weight

RNG = np.random.default_rng(0)
ARRAY = RNG.normal(size=(9, 7, 8)).astype(np.float32)


def by_scipy(array, axes, **options):
    return ndimage.map_coordinates(array, np.meshgrid(*axes, indexing="ij"), order=1, **options)


def test_axes_are_interpolated_and_clamped():
    axes = [np.linspace(-2, 10, 17), np.linspace(0.3, 5.7, 4), np.array([3.0, 3.5])]
    expected = by_scipy(ARRAY, axes, mode="nearest")
    assert np.abs(resample_axes(ARRAY, axes) - expected).max() < 1e-5  # float32 rounding of numbers of about 1


def test_the_own_lattice_returns_the_array():
    assert resample_axes(ARRAY, [np.arange(n) for n in ARRAY.shape]) is ARRAY
    assert np.array_equal(resample_axes(ARRAY[:1], [np.zeros(3), np.arange(7), np.arange(8)]), ARRAY[[0, 0, 0]])


def test_affine_positions_and_the_value_outside():
    matrix = np.eye(4)
    matrix[:3] = [[0.9, 0.2, 0, 1.5], [-0.1, 1.1, 0, 0.5], [0, 0, 1.0, -3.0]]
    found = sample_affine(ARRAY, matrix, (6, 5, 7), outside=-7.0)
    voxels = np.moveaxis(np.indices((6, 5, 7)), 0, -1).reshape(-1, 3)
    positions = voxels @ matrix[:3, :3].T + matrix[:3, 3]
    inside = ((positions >= 0) & (positions <= np.array(ARRAY.shape) - 1)).all(axis=1).reshape(6, 5, 7)
    expected = ndimage.map_coordinates(ARRAY, positions.T, order=1).reshape(6, 5, 7)
    assert np.abs(found - expected)[inside].max() < 1e-5
    assert (found[:, :, 0] == -7).all()


@pytest.mark.parametrize("tilt", [0.0, 0.1])
def test_a_weight_is_zero_outside_on_both_ways(tilt):
    weight = np.zeros((9, 7, 8), dtype=np.float32)
    weight[1:-1, 1:-1, 1:-1] = RNG.uniform(size=(7, 5, 6))
    matrix = np.eye(4)
    matrix[:3] = [[0.8, tilt, 0, -1.0], [0, 0.7, 0, 0.4], [0, 0, 1.2, -2.0]]
    found = sample_weight(weight, matrix, (14, 12, 10))
    assert np.abs(found - sample_affine(weight, matrix, (14, 12, 10), outside=0.0)).max() < 1e-5
    assert (found[0] == 0).all()
    assert found.max() > 0.3
