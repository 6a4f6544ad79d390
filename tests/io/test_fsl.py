import numpy as np
import pytest
from fsl.data.image import Image
from fsl.transform import flirt
from fsl.transform.affine import transform

from hepareg.errors import FileFormatError, TransformError
from hepareg.geometry import Grid
from hepareg.io.fsl import fsl_from_voxel, read_flirt, write_flirt
from hepareg.io.nifti import write_nifti
from hepareg.transforms import AffineTransform
from hepareg.volume import Volume


@pytest.fixture
def images(tmp_path, grid, other_grid):
    """(moving, fixed) as fslpy reads them from our NIfTI files."""
    for name, g in (("moving", grid), ("fixed", other_grid)):
        write_nifti(tmp_path / f"{name}.nii.gz", Volume(np.zeros(g.shape, np.int16), g))
    return Image(str(tmp_path / "moving.nii.gz")), Image(str(tmp_path / "fixed.nii.gz"))


def test_fslpy_moves_landmarks_alike(tmp_path, images, grid, other_grid, moving_from_fixed, landmarks):
    path = tmp_path / "fixed_from_moving_flirt.mat"
    write_flirt(path, moving_from_fixed, moving=grid, fixed=other_grid)
    theirs = flirt.fromFlirt(flirt.readFlirt(str(path)), *images, "world", "world")
    np.testing.assert_allclose(transform(landmarks, theirs), moving_from_fixed.inverse().apply(landmarks), atol=1e-3)


def test_reads_what_fslpy_writes(tmp_path, images, grid, other_grid, moving_from_fixed, landmarks):
    path = tmp_path / "theirs.mat"
    flirt.writeFlirt(flirt.toFlirt(moving_from_fixed.inverse().matrix, *images, "world", "world"), str(path))
    ours = read_flirt(path, moving=grid, fixed=other_grid)
    np.testing.assert_allclose(ours.apply(landmarks), moving_from_fixed.apply(landmarks), atol=1e-3)


def test_written_matrix_comes_back_rigid(tmp_path, grid, other_grid, moving_from_fixed):
    write_flirt(tmp_path / "a.mat", moving_from_fixed, moving=grid, fixed=other_grid)
    again = read_flirt(tmp_path / "a.mat", moving=grid, fixed=other_grid)
    np.testing.assert_allclose(again.matrix, moving_from_fixed.matrix, atol=1e-10)


def test_text_holds_a_rotation_whatever_the_headers_rounding(tmp_path, grid, other_grid, moving_from_fixed, landmarks):
    moving, fixed = (Grid(g.shape, g.world_from_voxel.astype(np.float32)) for g in (grid, other_grid))
    write_flirt(tmp_path / "a.mat", moving_from_fixed, moving=moving, fixed=fixed)
    R = np.loadtxt(tmp_path / "a.mat")[:3, :3]
    np.testing.assert_allclose(R.T @ R, np.eye(3), atol=1e-12)
    assert abs(np.linalg.det(R) - 1) < 1e-12
    again = read_flirt(tmp_path / "a.mat", moving=moving, fixed=fixed)
    np.testing.assert_allclose(again.apply(landmarks), moving_from_fixed.apply(landmarks), atol=2e-4)


def test_scale_is_not_lost(tmp_path, grids):
    scaled = AffineTransform(np.diag([1.1, 0.9, 1.05, 1.0]))
    write_flirt(tmp_path / "a.mat", scaled, moving=grids["lps"], fixed=grids["oblique"])
    again = read_flirt(tmp_path / "a.mat", moving=grids["lps"], fixed=grids["oblique"])
    np.testing.assert_allclose(again.matrix, scaled.matrix, atol=1e-9)


def test_scaled_voxels_of_fslpy(images, grid):
    np.testing.assert_allclose(fsl_from_voxel(grid), images[0].getAffine("voxel", "fsl"), atol=1e-5)


def test_other_text_is_refused(tmp_path, grids):
    for text in ("1 2 3\n", "one two\n", ""):
        (tmp_path / "a.mat").write_text(text)
        with pytest.raises(FileFormatError, match="four lines of four numbers"):
            read_flirt(tmp_path / "a.mat", moving=grids["ras"], fixed=grids["lps"])


@pytest.mark.parametrize("number", ["nan", "inf", "1e300"])
def test_numbers_that_no_matrix_has_are_refused(tmp_path, grids, number):
    (tmp_path / "a.mat").write_text(f"1 0 0 {number}\n0 1 0 0\n0 0 1 0\n0 0 0 1\n")
    with pytest.raises(TransformError, match="finite"):
        read_flirt(tmp_path / "a.mat", moving=grids["ras"], fixed=grids["lps"])
