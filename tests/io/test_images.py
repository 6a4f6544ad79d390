import shutil

import numpy as np
import pytest

from hepareg.errors import FileFormatError, SettingsError
from hepareg.io.images import read_image
from hepareg.io.nifti import write_nifti
from hepareg.volume import Volume


def test_content_decides_where_the_name_does_not(tmp_path, grids):
    image = Volume(np.arange(9 * 7 * 5, dtype=np.int16).reshape(9, 7, 5), grids["oblique"])
    for name in ("a.nii.gz", "b.nii"):
        write_nifti(tmp_path / name, image)
        shutil.copy(tmp_path / name, tmp_path / f"{name[0]}_without_suffix")
        np.testing.assert_array_equal(read_image(tmp_path / f"{name[0]}_without_suffix").data, image.data)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "slice.dcm").write_bytes(bytes(128) + b"DICM" + bytes(300))
    (tmp_path / "picture.png").write_bytes(b"\x89PNG" + bytes(500))
    (tmp_path / "empty").touch()
    with pytest.raises(FileFormatError, match="expected the folder"):
        read_image(tmp_path / "slice.dcm")
    for name in ("picture.png", "empty"):
        with pytest.raises(FileFormatError, match="expected a NIfTI"):
            read_image(tmp_path / name)
    with pytest.raises(FileFormatError, match="does not exist"):
        read_image(tmp_path / "absent")
    with pytest.raises(SettingsError, match="leave the option out"):
        read_image(tmp_path / "picture.png", series="1")
