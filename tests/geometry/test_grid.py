"""Grids of every orientation: placement, cropping, spacing, handedness, and what is refused."""

import numpy as np
import pytest

from hepareg.errors import ImageError
from hepareg.geometry import Grid, apply_matrix
from hepareg.geometry.rotations import homogeneous, rotation_from_vector

OBLIQUE = rotation_from_vector([0.3, -0.2, 0.5])
AXES = {
    "RAS": np.eye(3),
    "LPS": np.diag([-1.0, -1.0, 1.0]),
    "anisotropic": np.diag([0.8, 0.7, 5.0]),
    "oblique": OBLIQUE * [0.8, 1.3, 2.5],
    "left-handed": OBLIQUE * [-0.8, 1.3, 2.5],
}
SHAPE = (9, 8, 7)


@pytest.fixture(params=AXES)
def grid(request):
    return Grid(SHAPE, homogeneous(AXES[request.param], [-123.4, 56.7, 890.1]))


def test_matrix_versus_pointwise(grid):
    voxel = np.array([3.0, 1.5, 6.0])
    expected = sum(voxel[a] * grid.world_from_voxel[:3, a] for a in range(3)) + grid.world_from_voxel[:3, 3]
    np.testing.assert_allclose(grid.world_points(voxel), expected)
    np.testing.assert_allclose(grid.voxel_points(expected), voxel, atol=1e-9)
    np.testing.assert_allclose(apply_matrix(grid.voxel_from_world, expected), voxel, atol=1e-9)


def test_spacing_volume_and_handedness():
    grids = {name: Grid(SHAPE, homogeneous(axes, [1, 2, 3])) for name, axes in AXES.items()}
    np.testing.assert_allclose(grids["left-handed"].spacing_mm, [0.8, 1.3, 2.5])
    assert grids["left-handed"].voxel_volume_mm3 == pytest.approx(0.8 * 1.3 * 2.5)
    assert [g.is_left_handed for g in grids.values()] == [False, False, False, False, True]


def test_centre_and_corners(grid):
    np.testing.assert_allclose(grid.corners_mm.mean(axis=0), grid.centre_mm)
    np.testing.assert_allclose(grid.corners_mm[0], grid.world_from_voxel[:3, 3])
    assert grid.contains(grid.corners_mm).all()
    assert not grid.contains(grid.world_points([-0.1, 0, 0]))
    assert not grid.contains(grid.world_points([0, 0, 6.1]))


@pytest.mark.parametrize(("axes", "expected"), [
    (np.eye(3), (2, 1)),
    (np.diag([1.0, 1.0, -5.0]), (2, -1)),
    (np.array([[0, 0, 1.0], [1.0, 0, 0], [0, -1.0, 0]]), (1, -1)),
])  # fmt: skip
def test_superior_axis(axes, expected):
    assert Grid(SHAPE, homogeneous(axes, [0, 0, 0])).superior_axis == expected


def test_crop_keeps_voxels_where_they_are(grid):
    cropped = grid.crop((2, 1, 3), (9, 5, 4))
    assert cropped.shape == (7, 4, 1)
    np.testing.assert_allclose(cropped.world_points([4, 2, 0]), grid.world_points([6, 3, 3]))
    for start, stop in [((-1, 0, 0), SHAPE), ((0, 0, 0), (9, 8, 8)), ((3, 3, 3), (3, 4, 4))]:
        with pytest.raises(ImageError, match="expected a voxel range inside"):
            grid.crop(start, stop)


def test_other_spacing_covers_the_same_extent(grid):
    coarse = grid.with_spacing(2 * grid.spacing_mm)
    np.testing.assert_allclose(coarse.spacing_mm, 2 * grid.spacing_mm)
    assert coarse.shape == (5, 4, 4)
    np.testing.assert_allclose(coarse.world_points([-0.5] * 3), grid.world_points([-0.5] * 3), atol=1e-9)
    assert grid.with_spacing(grid.spacing_mm).same_as(grid)


def test_same_as_tolerates_rounding_and_nothing_more(grid):
    for shift, same in [(0.004, True), (0.1, False)]:
        matrix = grid.world_from_voxel.copy()
        matrix[:3, 3] += shift * matrix[:3, 0]
        assert grid.same_as(Grid(SHAPE, matrix)) is same
    assert not grid.same_as(grid.crop((0, 0, 0), (9, 8, 6)))


def test_nearest_voxels_are_clipped_to_the_grid(grid):
    inside = np.array([[0, 1, 2], [2, 0, 1]])
    offsets = np.array([[0.4, -0.4, 0.3], [-0.4, 0.4, -0.3]])
    assert np.array_equal(grid.nearest_voxels(grid.world_points(inside + offsets)), inside)
    last = np.array(grid.shape) - 1
    assert np.array_equal(grid.nearest_voxels(grid.world_points([last + 5, [-9, -9, -9]])), [last, [0, 0, 0]])


def test_describe_names_shape_spacing_and_orientation():
    text = Grid(SHAPE, homogeneous(AXES["LPS"], [1, 2, 3])).describe()
    assert "9x8x7" in text
    assert "LPS" in text


@pytest.mark.parametrize(("shape", "matrix", "message"), [
    ((2, 2), np.eye(4), "expected a 3-D grid"),
    ((2, 2, 0), np.eye(4), "expected a 3-D grid"),
    (SHAPE, np.eye(3), "expected a finite 4x4"),
    (SHAPE, np.diag([1, 1, np.nan, 1]), "expected a finite 4x4"),
    (SHAPE, np.diag([1.0, 1.0, 0.0, 1.0]), "expected an invertible"),
    (SHAPE, np.diag([1.0, 1.0, 1e-7, 1.0]), "expected an invertible"),
    (SHAPE, homogeneous([[1, 0, 0.1], [0, 1, 0], [0, 0, 1]], [0, 0, 0]), "gantry tilt"),
])  # fmt: skip
def test_unusable_geometry_is_an_error(shape, matrix, message):
    with pytest.raises(ImageError, match=message):
        Grid(shape, matrix)


def test_a_grid_cannot_be_changed(grid):
    with pytest.raises(ValueError, match="read-only"):
        grid.world_from_voxel[0, 0] = 2


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e300, -1e12])
def test_a_place_beyond_the_world_is_refused(number):
    for row, column in ((0, 0), (1, 3)):
        matrix = np.diag([2.0, 2.0, 2.0, 1.0])
        matrix[row, column] = number
        with pytest.raises(ImageError, match="finite"):
            Grid(SHAPE, matrix)


def test_a_window_may_reach_beyond_the_grid_and_keeps_the_world():
    grid = Grid((4, 5, 6), np.array([[0, 2, 0, 10], [1.5, 0, 0, -3], [0, 0, 3, 7], [0, 0, 0, 1.0]]))
    wider = grid.window((-1, -2, 1), (6, 9, 4))
    assert wider.shape == (6, 9, 4)
    np.testing.assert_allclose(wider.world_points([1, 2, 0]), grid.world_points([0, 0, 1]), atol=1e-12)
    assert grid.window((1, 0, 2), (2, 5, 3)).equals(grid.crop((1, 0, 2), (3, 5, 5)))
