"""The certificate has to fail where it should."""

import numpy as np
import pytest

from hepareg.errors import RigidityError
from hepareg.geometry import Grid
from hepareg.io.nifti import write_nifti
from hepareg.io.transforms import write_transform
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume
from hepareg.workflows.certificate import certify_distances, certify_file, header_errors, liver_points

GRID = Grid((30, 28, 20), np.array([[-2.0, 0, 0, 300], [0, -2.0, 0, 250], [0, 0, 4.0, -900], [0, 0, 0, 1]]))
POSE = RigidTransform.from_vectors([0.2, -0.1, 0.3], [10, -20, 115], centre_mm=GRID.centre_mm)
NAMES = ("moving_from_fixed.txt", "fixed_from_moving.txt", "moving_from_fixed.tfm", "fixed_from_moving.lta")
FLIRT = "fixed_from_moving_flirt.mat"


@pytest.fixture
def folder(tmp_path):
    for name in NAMES:
        write_transform(tmp_path / name, POSE, moving=GRID, fixed=GRID, centre_mm=GRID.centre_mm)
    write_transform(tmp_path / FLIRT, POSE, moving=GRID, fixed=GRID)
    return tmp_path


def test_a_thousand_points_of_the_liver():
    mask = np.zeros(GRID.shape, bool, order="F")
    mask[5:20, 6:18, 3:15] = True
    points = liver_points(GRID, Volume(mask, GRID))
    assert points.shape == (1000, 3)
    voxels = np.rint(GRID.voxel_points(points)).astype(int)
    assert mask[tuple(voxels.T)].all()
    assert np.ptp(voxels, axis=0).min() > 9
    assert np.array_equal(points, liver_points(GRID, Volume(np.ascontiguousarray(mask), GRID)))
    assert liver_points(GRID, None).shape == (1000, 3)


def test_distances():
    points = liver_points(GRID, None)
    certify_distances(POSE, points)
    scaled = RigidTransform.identity()
    object.__setattr__(scaled, "matrix", np.diag([1, 1, 1 + 1e-10, 1]))
    with pytest.raises(RigidityError, match="kept to 1e-09 mm"):
        certify_distances(scaled, points)


def test_a_distance_between_the_last_two_points_counts():
    class Apart:
        @staticmethod
        def apply(points):
            moved = points.copy()
            moved[-1] += 1e-6  # away from a neighbour; the others lie across
            return moved

    points = np.zeros((201, 3))
    points[-1] = 1.0
    points[:-2, 0], points[:-2, 1] = 4e3, -4e3  # so far across that 1e-6 changes nothing of their distance
    points[:-2, 2] = 1.0
    with pytest.raises(RigidityError, match="kept to 1e-09 mm"):
        certify_distances(Apart(), points)


@pytest.mark.parametrize("name", [*NAMES, FLIRT])
def test_files_that_hold_the_transform(folder, name):
    assert certify_file(folder / name, POSE, moving=GRID, fixed=GRID) is None


@pytest.mark.parametrize("name", [*NAMES, FLIRT])
def test_a_file_that_holds_another_transform(folder, name):
    other = RigidTransform.from_vectors([0, 0, 0], [0, 0, 0.01]) @ POSE
    write_transform(folder / name, other, moving=GRID, fixed=GRID)
    assert "differ from the result by 0.01 mm" in certify_file(folder / name, POSE, moving=GRID, fixed=GRID)


@pytest.mark.parametrize("name", ["moving_from_fixed.txt", "fixed_from_moving.txt", FLIRT])
def test_a_file_with_too_few_digits(folder, name):
    rows = np.loadtxt(folder / name)
    (folder / name).write_text("".join(" ".join(f"{x:.9g}" for x in row) + "\n" for row in rows))
    assert "a rotation to" in certify_file(folder / name, POSE, moving=GRID, fixed=GRID)


def test_header_in_single_precision(tmp_path):
    new = POSE.inverse().matrix @ GRID.world_from_voxel
    write_nifti(tmp_path / "a.nii", Volume(np.zeros(GRID.shape, np.int16), Grid(GRID.shape, new)))
    check = {"old": GRID.world_from_voxel, "shape": GRID.shape}
    errors = header_errors(tmp_path / "a.nii", new=new, **check)
    assert (errors.problem, errors.note) == (None, None)
    assert max(errors.sform_mm, errors.qform_mm) < 1e-4
    shifted = new.copy()
    shifted[0, 3] += 2e-4
    assert "single precision" in header_errors(tmp_path / "a.nii", new=shifted, **check).problem


def test_what_a_quaternion_cannot_hold_is_measured_and_said(tmp_path):
    """0.02 degrees from the half turn in which a CT lies: the sform is exact, the qform as good as NIfTI-1 allows."""
    turn = RigidTransform.from_vectors([2e-4, -2.5e-4, 1e-4], [0, 0, 0])
    grid = Grid((512, 512, 300), np.array([[-0.7, 0, 0, 180], [0, -0.7, 0, 170], [0, 0, 1.0, -400], [0, 0, 0, 1]]))
    new = turn.matrix @ grid.world_from_voxel
    flat = Volume(np.zeros((1, 1, 1), np.int16), Grid((1, 1, 1), new))
    write_nifti(tmp_path / "a.nii", flat)
    errors = header_errors(tmp_path / "a.nii", old=grid.world_from_voxel, new=new, shape=grid.shape)
    assert errors.problem is None
    assert errors.sform_mm < 1e-4
    assert 1e-3 < errors.qform_mm < 0.2
    assert f"{errors.qform_mm:.2g} mm" in errors.note


def test_a_sheared_header_is_a_problem(tmp_path):
    matrix = GRID.world_from_voxel.copy()
    write_nifti(tmp_path / "a.nii", Volume(np.zeros(GRID.shape, np.int16), GRID))
    sheared = matrix.copy()
    sheared[0, 1] += 1e-5
    assert header_errors(tmp_path / "a.nii", old=sheared, new=matrix, shape=GRID.shape).problem is not None


def test_rounded_direction_cosines_are_no_problem(tmp_path):
    """Scanners write five decimals: no rotation takes them to a quaternion's, and the sform holds the new place."""
    old = GRID.world_from_voxel.copy()
    old[:3, :3] = (RigidTransform.from_vectors([0.2, 0.3, -0.1], [0, 0, 0]).rotation.round(5)) @ np.diag([0.8, 0.8, 2])
    new = POSE.inverse().matrix @ old
    write_nifti(tmp_path / "a.nii", Volume(np.zeros(GRID.shape, np.int16), Grid(GRID.shape, new)))
    errors = header_errors(tmp_path / "a.nii", old=old, new=new, shape=GRID.shape)
    assert np.abs(old[:3, 0] @ old[:3, 1]) > 1e-6
    assert errors.problem is None
