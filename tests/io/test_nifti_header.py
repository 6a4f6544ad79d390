import io
import math

import nibabel as nib
import numpy as np
import pytest

from hepareg.errors import FileFormatError, ImageError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.io.nifti_header import (
    NIFTI1,
    NIFTI2,
    geometry_of,
    new_header,
    place,
    qform_matrix,
    read_header,
    sform_matrix,
)


def corner_error(header, matrix, shape, of):
    grid = Grid(shape, matrix)
    return np.linalg.norm(Grid(shape, of(header)).corners_mm - grid.corners_mm, axis=1).max()


@pytest.mark.parametrize(("layout", "theirs"), [(NIFTI1, nib.Nifti1Header), (NIFTI2, nib.Nifti2Header)])
@pytest.mark.parametrize("endianness", ["<", ">"])
def test_fields_agree_with_nibabel(layout, theirs, endianness):
    header = theirs(endianness=endianness)
    header.set_data_shape((5, 6, 7))
    header.set_sform(homogeneous(rotation_from_vector([0.1, 0.2, 0.3]), [1, 2, 3]), 1)
    header.set_qform(homogeneous(rotation_from_vector([0.3, 0.2, 0.1]), [4, 5, 6]), 2)
    header["descrip"] = b"text"
    ours = read_header(io.BytesIO(header.binaryblock))
    assert layout.itemsize == len(header.binaryblock)
    assert ours["dim"].tolist() == header["dim"].tolist()
    assert ours["descrip"].item() == b"text"
    assert header["magic"].item().startswith(ours["magic"].item()[:3])
    np.testing.assert_array_equal(sform_matrix(ours), header.get_sform())
    np.testing.assert_allclose(qform_matrix(ours), header.get_qform(), atol=1e-6)


def test_sform_goes_before_qform_and_one_is_needed():
    header = new_header((5, 6, 7), np.dtype("<i2"))
    header["srow"] = np.diag([2, 3, 4, 1])[:3]
    with pytest.raises(ImageError, match="neither sform nor qform"):
        geometry_of(header)
    header["qform_code"] = 1
    np.testing.assert_allclose(geometry_of(header), np.eye(4))
    header["sform_code"] = 1
    np.testing.assert_allclose(geometry_of(header), np.diag([2, 3, 4, 1]))
    header["xyzt_units"] = 1
    with pytest.raises(ImageError, match="millimetres"):
        geometry_of(header)


def test_place_sets_both_forms(grid):
    header = new_header((512, 512, 200), np.dtype("<i2"))
    header["descrip"] = b"someone"
    place(header, grid.world_from_voxel)
    assert header["sform_code"] == header["qform_code"] == 1
    assert header["pixdim"][0] == (-1 if grid.is_left_handed else 1)
    assert header["descrip"].item() == b""
    for of in (sform_matrix, qform_matrix):
        assert corner_error(header, grid.world_from_voxel, (512, 512, 200), of) < 1e-4
        cosines = of(header)[:3, :3] / np.linalg.norm(of(header)[:3, :3], axis=0)
        np.testing.assert_allclose(cosines.T @ cosines, np.eye(3), atol=1e-6)
    reread = nib.Nifti1Header(header.tobytes())
    np.testing.assert_allclose(reread.get_sform(), sform_matrix(header))
    np.testing.assert_allclose(reread.get_qform(), qform_matrix(header), atol=1e-4)


@pytest.mark.parametrize("angle_deg", [3.0, 10.0, 30.0])
@pytest.mark.parametrize("order", [(-1, -1, 1), (-1, 1, 1)], ids=["lps", "las"])
def test_qform_of_a_slightly_turned_ct_is_as_good_as_the_format_allows(angle_deg, order):
    """Near a half turn a float32 quaternion cannot do better than 6e-8 / sin(angle / 2) radians."""
    rng = np.random.default_rng(0)
    shape = (512, 512, 200)
    for _ in range(20):
        axis = rng.normal(size=3)
        rotation = rotation_from_vector(math.radians(angle_deg) * axis / np.linalg.norm(axis))
        matrix = homogeneous(rotation @ np.diag(np.array(order) * [0.7, 0.7, 1.5]), rng.uniform(-400, 400, 3))
        header = new_header(shape, np.dtype("<i2"))
        place(header, matrix)
        half_diagonal = np.linalg.norm(np.array(shape) * [0.7, 0.7, 1.5]) / 2
        assert corner_error(header, matrix, shape, sform_matrix) < 1e-4
        bound = 5e-5 + 6e-8 / math.sin(math.radians(angle_deg) / 2) * half_diagonal
        assert corner_error(header, matrix, shape, qform_matrix) < bound


def test_other_bytes_are_refused():
    for raw in (b"", b"hello, this is text, not an image", NIFTI1.itemsize.to_bytes(4, "little") + bytes(344)):
        with pytest.raises(FileFormatError, match="expected a NIfTI header"):
            read_header(io.BytesIO(raw))
    with pytest.raises(EOFError):
        read_header(io.BytesIO(NIFTI1.itemsize.to_bytes(4, "little")))


@pytest.mark.parametrize("number", [1e200, np.nan, np.inf])
def test_a_quaternion_of_nifti_2_whose_square_overflows_is_refused(number):
    header = new_header((5, 6, 7), np.dtype("<i2"), version=2)
    header["quatern"] = [0, number, 0]
    with pytest.raises(ImageError, match="unit quaternion"):
        qform_matrix(header)
