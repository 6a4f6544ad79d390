import ants
import numpy as np
import pytest
import SimpleITK as sitk

from hepareg.errors import FileFormatError, SettingsError
from hepareg.io.fsl import write_flirt
from hepareg.io.itk_transforms import write_itk_transform
from hepareg.io.lta import write_lta
from hepareg.io.matrix_text import write_matrix_text
from hepareg.io.transforms import read_transform


def test_every_format_is_recognised(tmp_path, grids, moving_from_fixed):
    moving, fixed = grids["oblique_left"], grids["lps"]
    write_matrix_text(tmp_path / "plain.txt", moving_from_fixed)
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
    np.testing.assert_array_equal(read_transform(tmp_path / "lps.txt", space="lps").matrix, moving_from_fixed.matrix)


def test_what_is_missing_is_said(tmp_path, grids, moving_from_fixed):
    write_flirt(tmp_path / "flirt.mat", moving_from_fixed, moving=grids["ras"], fixed=grids["lps"])
    with pytest.raises(SettingsError, match="both images"):
        read_transform(tmp_path / "flirt.mat")
    with pytest.raises(SettingsError, match="states its own"):
        read_transform(tmp_path / "flirt.mat", space="lps", moving=grids["ras"], fixed=grids["lps"])
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\0")
    with pytest.raises(FileFormatError, match="unknown binary"):
        read_transform(tmp_path / "picture.png")
    with pytest.raises(FileFormatError, match="does not exist"):
        read_transform(tmp_path / "absent.txt")
