"""Planes of the world in radiological convention."""

import numpy as np
import pytest

from hepareg.figures.planes import VIEWS, plane_through
from hepareg.geometry import Grid
from hepareg.geometry.rotations import rotation_from_vector
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

AXES = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}


def grid(flips, rotation):
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_from_vector(rotation) @ np.diag(np.multiply([2.0, 2.5, 4.0], flips))
    g = Grid((50, 42, 24), matrix)
    matrix[:3, 3] = -g.centre_mm + [5, -30, 800]
    return Grid(g.shape, matrix)


GRIDS = [
    grid((1, 1, 1), (0, 0, 0)),
    grid((-1, -1, 1), (0, 0, 0)),
    grid((1, 1, -1), (0, 0, 0)),
    grid((1, -1, 1), (0.2, 0.1, -0.3)),
]


@pytest.mark.parametrize("where", GRIDS, ids=["ras", "lps", "left-handed", "oblique"])
@pytest.mark.parametrize("view", VIEWS, ids=[view.name for view in VIEWS])
def test_letters_say_what_lies_there(view, where):
    """A volume whose value is its world R, A or S coordinate grows towards the border with that letter."""
    voxels = np.stack(np.meshgrid(*map(np.arange, where.shape), indexing="ij"), axis=-1)
    plane = plane_through(view, where.centre_mm, size_px=(31, 21), pixel_mm=1.0)
    for border, letter in zip(("left", "right", "top", "bottom"), view.letters, strict=True):
        axis, sense = AXES[letter]
        pixels = plane.sample(Volume(where.world_points(voxels)[..., axis], where)) * sense
        ends = {"left": pixels[:, 0], "right": pixels[:, -1], "top": pixels[0], "bottom": pixels[-1]}
        opposite = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}[border]
        length = 30 if border in ("left", "right") else 20
        assert np.allclose(ends[border] - ends[opposite], length, atol=1e-2)


@pytest.mark.parametrize("where", GRIDS, ids=["ras", "lps", "left-handed", "oblique"])
def test_pixels_are_square_millimetres_through_the_centre(where):
    voxels = np.stack(np.meshgrid(*map(np.arange, where.shape), indexing="ij"), axis=-1)
    centre = where.centre_mm + np.array([3.0, -2.0, 5.0])
    ball = Volume((np.linalg.norm(where.world_points(voxels) - centre, axis=-1) < 20).astype(np.float32), where)
    for view in VIEWS:
        plane = plane_through(view, centre, size_px=(101, 81), pixel_mm=0.5)
        inside = plane.sample(ball, padding=0) > 0.5
        width, height = inside.any(axis=0).sum() * 0.5, inside.any(axis=1).sum() * 0.5
        assert width == pytest.approx(40, abs=4)  # a voxel of 4 mm
        assert height == pytest.approx(40, abs=4)
        rows, columns = np.nonzero(inside)
        assert (rows.mean(), columns.mean()) == pytest.approx((40, 50), abs=3)


def test_moving_volume_is_pulled():
    where = GRIDS[3]
    pose = RigidTransform.from_vectors([0.1, 0.0, 0.2], [7, 0, -4], centre_mm=where.centre_mm)
    voxels = np.stack(np.meshgrid(*map(np.arange, where.shape), indexing="ij"), axis=-1)
    slope = np.array([1.0, 2.0, -3.0])
    volume = Volume(where.world_points(voxels) @ slope, where)
    plane = plane_through(VIEWS[1], where.centre_mm, size_px=(9, 9), pixel_mm=1.0)
    point = pose.apply(plane.grid.world_points([2, 7, 0]))
    assert plane.sample(volume, moving_from_fixed=pose)[7, 2] == pytest.approx(point @ slope, rel=1e-5)
