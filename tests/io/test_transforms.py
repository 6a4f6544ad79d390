import ants
import numpy as np
import pytest
import SimpleITK as sitk

from hepareg.errors import FileFormatError, SettingsError
from hepareg.io.fsl import write_flirt
from hepareg.io.itk_transforms import write_itk_transform
from hepareg.io.lta import write_lta
from hepareg.io.matrix_text import write_matrix_text
from hepareg.io.transforms import read_transform, read_transform_file
from hepareg.transforms import AffineTransform


def test_every_format_is_recognised(tmp_path, grids, moving_from_fixed):
    moving, fixed = grids["oblique_left"], grids["lps"]
    write_matrix_text(tmp_path / "moving_from_fixed.txt", moving_from_fixed)
    write_itk_transform(tmp_path / "itk.tfm", moving_from_fixed)
    write_itk_transform(tmp_path / "itk.txt", moving_from_fixed)
    write_lta(tmp_path / "a.lta", moving_from_fixed, moving=moving, fixed=fixed)
    write_flirt(tmp_path / "flirt.mat", moving_from_fixed, moving=moving, fixed=fixed)
    itk = sitk.ReadTransform(str(tmp_path / "itk.tfm"))
    sitk.WriteTransform(itk, str(tmp_path / "itk.h5"))
    ants.write_transform(ants.read_transform(str(tmp_path / "itk.tfm")), str(tmp_path / "ants0GenericAffine.mat"))
    for path in sorted(tmp_path.iterdir()):
        transform = read_transform(path, moving=moving, fixed=fixed)
        np.testing.assert_allclose(transform.matrix, moving_from_fixed.matrix, atol=1e-4, err_msg=path.name)
    write_matrix_text(tmp_path / "lps.txt", moving_from_fixed, space="lps")
    found = read_transform(tmp_path / "lps.txt", convention="lps")
    np.testing.assert_array_equal(found.matrix, moving_from_fixed.matrix)


def test_what_is_missing_is_said(tmp_path, grids, moving_from_fixed):
    write_flirt(tmp_path / "flirt.mat", moving_from_fixed, moving=grids["ras"], fixed=grids["lps"])
    with pytest.raises(SettingsError, match="both images"):
        read_transform(tmp_path / "flirt.mat")
    with pytest.raises(SettingsError, match="lps and flirt"):
        read_transform(tmp_path / "flirt.mat", convention="lps", moving=grids["ras"], fixed=grids["lps"])
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\0")
    with pytest.raises(FileFormatError, match="unknown binary"):
        read_transform(tmp_path / "picture.png")
    with pytest.raises(FileFormatError, match="does not exist"):
        read_transform(tmp_path / "absent.txt")


@pytest.mark.parametrize("decimals", [4, 5, 6, 7])
def test_a_rounded_rotation_is_made_one_again(tmp_path, grids, moving_from_fixed, decimals):
    path = tmp_path / "moving_from_fixed.txt"
    np.savetxt(path, moving_from_fixed.matrix, fmt=f"%.{decimals}f")
    read = read_transform_file(path, fixed=grids["lps"])
    R = read.transform.linear
    if decimals < 6:  # six are a rotation to 1e-6
        assert np.abs(R.T @ R - np.eye(3)).max() < 1e-12
        assert f"a matrix of {decimals} decimals" in read.notes[0]
        corners = grids["lps"].corners_mm
        change = np.linalg.norm(
            read.transform.apply(corners) - AffineTransform(np.loadtxt(path)).apply(corners), axis=1
        )
        assert f"at most {change.max():.2g} mm" in read.notes[0]
    assert np.array_equal(read_transform_file(path, keep_rounding=True).transform.matrix, np.loadtxt(path))


@pytest.mark.parametrize("scale", [1.001, 0.99, 1.5])
def test_a_true_scale_stays(tmp_path, moving_from_fixed, scale):
    path = tmp_path / "moving_from_fixed.txt"
    matrix = moving_from_fixed.matrix @ np.diag([scale, 1, 1, 1])
    np.savetxt(path, matrix, fmt="%.5f")
    read = read_transform_file(path)
    np.testing.assert_allclose(read.transform.matrix, matrix, atol=1e-5)
    assert read.notes == ()
