"""Contours drawn as voxels: shapes whose voxels are known by their formula."""

import numpy as np
import pytest

from hepareg.errors import MaskError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.io.contour_fill import fill_contours, fill_polygons

GRID = Grid((60, 50, 20), np.array([[-0.8, 0, 0, 24.0], [0, -0.8, 0, 20.0], [0, 0, 2.5, 100.0], [0, 0, 0, 1]]))
GRID_OF_1_MM = Grid((60, 50, 220), np.array([[-0.8, 0, 0, 24.0], [0, -0.8, 0, 20.0], [0, 0, 1, 30.0], [0, 0, 0, 1]]))
ANGLES = np.linspace(0, 2 * np.pi, 721)[:-1]


def circle(radius, z, centre=(0.0, 0.0), angles=ANGLES):
    return np.stack(
        [centre[0] + radius * np.cos(angles), centre[1] + radius * np.sin(angles), np.full(len(angles), z)], axis=1
    )


def disc(grid, radius, zs, centre=(0.0, 0.0)):
    points = grid.world_points(np.stack(np.mgrid[tuple(slice(n) for n in grid.shape)], axis=-1))
    flat = np.hypot(points[..., 0] - centre[0], points[..., 1] - centre[1]) < radius
    return flat & (np.abs(points[..., 2, None] - np.array(zs)).min(axis=-1) < 0.1)


ZS = [110.0, 112.5, 115.0, 117.5]


def test_a_hole_and_an_island_in_it():
    contours = [circle(r, z) for z in ZS for r in (15.1, 9.1, 3.1)]
    filled = fill_contours(contours, GRID)
    wanted = disc(GRID, 15.1, ZS) & ~disc(GRID, 9.1, ZS) | disc(GRID, 3.1, ZS)
    np.testing.assert_array_equal(filled.data, wanted)
    assert filled.num_filled == 0


def test_a_keyhole():
    """Out along a channel, around the hole the other way, and back along the same channel."""
    outer, inner = circle(15.1, 110.0), circle(9.1, 110.0)[::-1]
    path = np.concatenate([outer, outer[:1], inner[-1:], inner[:-1], inner[-1:], outer[:1]])
    wanted = disc(GRID, 15.1, [110.0]) & ~disc(GRID, 9.1, [110.0])
    filled = fill_contours([path, circle(3.0, 112.5)], GRID).data
    assert np.count_nonzero(filled[..., 4] ^ wanted[..., 4]) <= 1  # a voxel centre may lie on the rim itself


def test_the_same_contour_twice_counts_once():
    one = circle(10.1, 110.0)
    np.testing.assert_array_equal(fill_contours([one, one.copy(), circle(10.1, 112.5)], GRID).data[..., 4].any(), True)


def test_two_parts_in_a_plane():
    contours = [circle(5.1, z, centre) for z in ZS for centre in ((-10.0, 0.0), (10.0, 3.0))]
    wanted = disc(GRID, 5.1, ZS, (-10.0, 0.0)) | disc(GRID, 5.1, ZS, (10.0, 3.0))
    np.testing.assert_array_equal(fill_contours(contours, GRID).data, wanted)


@pytest.mark.parametrize("num_lost", [1, 2, 3])
def test_lost_planes_of_a_cone_are_interpolated(num_lost):
    zs = 105.0 + 2.5 * np.arange(12)
    radii = 5.1 + 0.9 * np.arange(12)
    kept = [n for n in range(12) if not 4 <= n < 4 + num_lost]
    filled = fill_contours([circle(radii[n], zs[n]) for n in kept], GRID)
    assert filled.num_filled == num_lost
    wanted = np.logical_or.reduce([disc(GRID, r, [z]) for r, z in zip(radii, zs, strict=True)])
    wrong = np.count_nonzero(filled.data ^ wanted)
    assert wrong < 0.02 * wanted.sum()  # the distance to the outline is known to half a voxel


def test_parts_far_apart_are_not_joined():
    zs = [102.5, 105.0, 107.5, 140.0, 142.5, 145.0]
    filled = fill_contours([circle(8.1, z) for z in zs], GRID)
    np.testing.assert_array_equal(filled.data, disc(GRID, 8.1, zs))


@pytest.mark.parametrize("step_mm", [2.5, 5.0, 8.0])
@pytest.mark.parametrize("grid", [GRID_OF_1_MM, None], ids=["on slices of 1 mm", "on a grid of its own"])
def test_every_plane_of_two_parts_is_a_slab_of_one_spacing(step_mm, grid):
    """Two stacks of four planes and a single plane, far apart: nine slabs of one spacing each."""
    below = 60.0 + step_mm * np.arange(4)
    zs = [*below, *(below + 90.0), 215.0]
    filled = fill_contours([circle(10.1, z) for z in zs], grid)
    area = fill_polygons([filled.grid.voxel_points(circle(10.1, zs[0]))[:, :2]], filled.grid.shape[:2]).sum()
    spacing = filled.grid.spacing_mm
    # Slabs end between slices of 1 mm: each of the three parts is whole to one slice.
    assert filled.data.sum() / area * spacing[2] == pytest.approx(9 * step_mm, abs=3 * spacing[2])
    assert filled.num_filled == 0


def test_planes_far_from_each_other_are_slabs_of_10_mm_at_most():
    """Half of a gap of 60 mm would be twice the length of the region."""
    filled = fill_contours([circle(10.1, z) for z in (80.0, 140.0)], GRID_OF_1_MM)
    length = np.count_nonzero(filled.data.any(axis=(0, 1)))
    assert length == pytest.approx(60 + 10, abs=1)


@pytest.mark.parametrize(("first", "step", "num_slices"), [(111.25, 2.5, 8), (110.0, 5.0, 16), (110.0, 1.0, 9)])
def test_planes_between_the_slices(first, step, num_slices):
    """Planes half a slice off, every other slice, or closer than the slices: the extent is that of the planes."""
    filled = fill_contours([circle(10.1, first + step * n) for n in range(8 if step > 1 else 21)], GRID)
    slices = filled.data.any(axis=(0, 1))
    assert abs(np.count_nonzero(slices) - num_slices) <= 1
    assert np.diff(np.flatnonzero(slices)).max() == 1
    np.testing.assert_array_equal(filled.data[..., 6], disc(GRID, 10.1, [115.0])[..., 6])


def test_contours_on_planes_across_the_slices():
    turned = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
    zs = 24.0 - 0.8 * np.arange(20, 40)
    contours = [circle(8.1, z) @ turned + [0, 0, 120.0] for z in zs]
    filled = fill_contours(contours, GRID)
    assert filled.grid is GRID
    assert filled.data.sum() * 0.8 * 0.8 * 2.5 == pytest.approx(np.pi * 8.1**2 * 0.8 * 20, rel=0.02)


def test_contours_at_an_angle_get_a_grid_of_their_own():
    rotation = rotation_from_vector([0.3, 0.2, -0.1])
    contours = [(circle(10.1, z - 115.0)) @ rotation.T + [0, 0, 115.0] for z in ZS]
    for grid in (GRID, None):
        filled = fill_contours(contours, grid)
        assert filled.grid is not GRID
        volume = filled.data.sum() * filled.grid.voxel_volume_mm3
        assert volume == pytest.approx(np.pi * 10.1**2 * 10.0, rel=0.15)  # 4 planes of 2.5 mm, ends to half a plane
        centre = filled.grid.world_points(np.argwhere(filled.data)).mean(axis=0)
        np.testing.assert_allclose(centre, rotation @ [0, 0, -1.25] + [0, 0, 115.0], atol=0.3)
    oblique = Grid(
        (60, 60, 12), homogeneous(rotation @ np.diag([0.8, 0.8, 2.5]), rotation @ [-24, -24, -15] + [0, 0, 115])
    )
    assert fill_contours(contours, oblique).grid is oblique


def test_what_is_no_stack_of_contours():
    bent = circle(10.0, 110.0)
    bent[:, 2] += 0.4 * bent[:, 0]
    with pytest.raises(MaskError, match="parallel planes"):
        fill_contours([circle(12.0, 110.0), bent], GRID)
    line = np.array([[0.0, 0, 0], [1, 1, 1], [2, 2, 2]])
    with pytest.raises(MaskError, match="enclose an area"):
        fill_contours([line], GRID)
    with pytest.raises(MaskError, match="metres apart"):
        fill_contours([circle(10.0, 0.0), circle(10.0, 1e7)], None)


def test_pixels_on_the_outline_belong_to_it():
    square = np.array([[2.0, 2.0], [6.0, 2.0], [6.0, 5.0], [2.0, 5.0]])
    filled = fill_polygons([square], (10, 9))
    assert filled.sum() == 5 * 4
    assert filled[2:7, 2:6].all()
    assert fill_polygons([square - 4.0], (10, 9)).sum() == 3 * 2  # what lies outside of the picture is cut
    assert fill_polygons([square + 0.25], (10, 9)).sum() == 4 * 3


def test_an_edge_that_ends_far_away_takes_no_memory():
    square = np.array([[2.0, 2.0], [1e12, 2.0], [1e12, 6.0], [2.0, 6.0]])
    filled = fill_polygons([square], (10, 12))
    wanted = np.zeros((10, 12), bool)
    wanted[2:, 2:7] = True
    np.testing.assert_array_equal(filled, wanted)
