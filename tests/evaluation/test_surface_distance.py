"""Surface distances in the world."""

import numpy as np
import pytest

from hepareg.errors import MaskError
from hepareg.evaluation import surface_distance
from hepareg.geometry import Grid
from hepareg.geometry.rotations import rotation_from_vector
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

SPACING = np.array([0.7, 1.1, 3.0])


def oblique(shape=(30, 26, 16), flips=(1, 1, 1)):
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_from_vector([0.3, 0.5, -0.2]) @ np.diag(SPACING * flips)
    matrix[:3, 3] = [100, -50, 900]
    return Grid(shape, matrix)


def box(grid, start, stop):
    data = np.zeros(grid.shape, np.uint8)
    data[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = 1
    return Volume(data, grid)


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1)])
def test_perfect(flips):
    mask = box(oblique(flips=flips), (5, 5, 3), (20, 20, 12))
    assert surface_distance(mask, mask) == type(surface_distance(mask, mask))(0.0, 0.0)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_two_parallel_plates_are_their_distance_apart(axis):
    grid = oblique()
    start, stop = np.array([4, 4, 4]), np.array([9, 9, 9])
    stop[axis] = start[axis] + 1
    step = 5 * np.eye(3, dtype=int)[axis]
    apart = surface_distance(box(grid, start, stop), box(grid, start + step, stop + step))
    assert apart.assd_mm == pytest.approx(5 * SPACING[axis])
    assert apart.hd95_mm == pytest.approx(5 * SPACING[axis])


def test_hd95_is_the_larger_direction_and_leaves_out_a_speck():
    grid = oblique(shape=(40, 30, 16))
    plate = box(grid, (2, 2, 4), (22, 22, 5))
    with_speck = plate.with_data(plate.data.copy())
    with_speck.data[2, 2, 14] = 1
    apart = surface_distance(plate, with_speck)
    assert apart.hd95_mm == 0.0
    assert apart.assd_mm == pytest.approx(30.0 / (400 + 401))
    half = box(grid, (2, 2, 4), (12, 22, 5))
    assert surface_distance(plate, half).hd95_mm == surface_distance(half, plate).hd95_mm > 9 * SPACING[0]


def test_transform_and_other_grid():
    grid = oblique()
    pose = RigidTransform.from_vectors([0.2, -0.4, 0.1], [30, 2, -9])
    moved_grid = Grid(grid.shape, pose.matrix @ grid.world_from_voxel)
    fixed, moving = box(grid, (5, 5, 3), (20, 20, 12)), box(moved_grid, (5, 5, 3), (20, 20, 12))
    assert surface_distance(fixed, moving).assd_mm > 5
    assert surface_distance(fixed, moving, first_from_second=pose.inverse()).hd95_mm < 1e-9


def test_empty_is_an_error():
    grid = oblique()
    with pytest.raises(MaskError, match="empty"):
        surface_distance(Volume(np.zeros(grid.shape, bool), grid), box(grid, (1, 1, 1), (3, 3, 3)))
