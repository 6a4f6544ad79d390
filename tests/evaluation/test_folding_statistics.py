"""Folding and change of volume of displacement fields."""

import numpy as np
import pytest

from hepareg.errors import InputError, MaskError
from hepareg.evaluation import folding_statistics
from hepareg.geometry import Grid
from hepareg.geometry.rotations import rotation_from_vector


def grid(flips=(1, 1, 1)):
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_from_vector([0.3, 0.5, -0.2]) @ np.diag(np.multiply([0.7, 1.1, 3.0], flips))
    matrix[:3, 3] = [100, -50, 900]
    return Grid((9, 8, 7), matrix)


def field(linear, grid):
    voxels = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    return np.moveaxis(grid.world_points(voxels) @ np.asarray(linear, dtype=float).T, -1, 0)


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (-1, -1, 1)])
@pytest.mark.parametrize(
    "linear", [np.zeros((3, 3)), np.diag([0.1, 0, 0]), [[0.1, 0.2, 0], [0, -0.3, 0.1], [0.4, 0, 0]]]
)
def test_affine_fields_are_exact(linear, flips):
    statistics = folding_statistics(field(linear, grid(flips)), grid(flips))
    expected = np.linalg.det(np.eye(3) + linear)
    # Differences of world positions near 1,000 mm: float64 keeps 1e-12 of them.
    assert (statistics.determinant_min, statistics.determinant_max) == pytest.approx((expected, expected), abs=1e-9)


def test_rotation_keeps_volume():
    rotation = rotation_from_vector([0.5, -0.3, 0.9])
    statistics = folding_statistics(field(rotation - np.eye(3), grid()), grid())
    assert (statistics.determinant_min, statistics.determinant_max) == pytest.approx((1, 1), abs=1e-9)
    assert statistics.folding_fraction == 0


def test_mirror_folds_everywhere():
    assert folding_statistics(field(np.diag([-2.0, 0, 0]), grid()), grid()).folding_fraction == 1.0


def test_voxels_outside_the_mask_do_not_count():
    u = field(np.zeros((3, 3)), grid())
    u[0, :2] += np.array([10.0, 0.0]).reshape(2, 1, 1)  # a cliff at the low end of i
    mask = np.zeros(grid().shape, bool)
    mask[5:] = True
    assert folding_statistics(u, grid()).folding_fraction > 0
    assert folding_statistics(u, grid(), mask=mask).folding_fraction == 0


def test_wrong_shapes_are_errors():
    with pytest.raises(InputError, match="displacement of shape"):
        folding_statistics(np.zeros((9, 8, 7)), grid())
    with pytest.raises(MaskError):
        folding_statistics(np.zeros((3, 9, 8, 7)), grid(), mask=np.zeros((9, 8, 7), bool))
