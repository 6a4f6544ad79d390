import io

import numpy as np
import pytest

from hepareg.errors import FileFormatError, ImageError
from hepareg.io.nifti_header import new_header
from hepareg.io.nifti_voxels import read_voxels, shape_of, stored_type_of, voxel_pieces

SHAPE = (4, 3, 2)
VOXELS = np.arange(24).reshape(SHAPE)


def header_of(dtype, slope=1.0, inter=0.0):
    header = new_header(SHAPE, np.dtype(dtype))
    header["scl_slope"], header["scl_inter"] = slope, inter
    return header


def read(data, header):
    return read_voxels(io.BytesIO(data.tobytes(order="F")), header, SHAPE)[0]


def test_bytes_to_values_and_back():
    for dtype in ("<u1", "<i2", "<f4"):
        for order in "CF":
            pieces = b"".join(bytes(piece) for piece in voxel_pieces(np.array(VOXELS, dtype, order=order)))
            np.testing.assert_array_equal(read(np.frombuffer(pieces, np.uint8), header_of(dtype)), VOXELS)


@pytest.mark.parametrize(
    ("stored", "slope", "inter", "wanted"),
    [
        ("<i2", 1, -32768, np.int16),
        ("<i2", 1, 32760, np.int32),
        ("<u2", 2, 1, np.int16),
        ("<i4", 2.0**30, 0, float),
    ],
)
def test_whole_numbers_never_wrap(stored, slope, inter, wanted):
    values = read(VOXELS.astype(stored), header_of(stored, slope, inter))
    assert values.dtype == wanted
    np.testing.assert_array_equal(values, VOXELS * slope + float(np.float32(inter)))


def test_too_few_bytes():
    with pytest.raises(EOFError):
        read_voxels(io.BytesIO(bytes(47)), header_of("<i2"), SHAPE)


def test_sizes_and_types_of_headers():
    header = header_of("<i2")
    header["dim"] = [5, 4, 3, 2, 1, 1, 1, 1]
    assert shape_of(header) == SHAPE
    header["dim"] = [2, 4, 3, 2, 1, 1, 1, 1]
    assert shape_of(header) == (4, 3, 1)
    header["dim"] = [4, 4, 3, 2, 7, 1, 1, 1]
    with pytest.raises(ImageError, match="3-D image, got 4x3x2x7"):
        shape_of(header)
    header["dim"][0] = 0
    with pytest.raises(FileFormatError, match="size of an image"):
        shape_of(header)
    header["datatype"] = 128
    with pytest.raises(ImageError, match="colour"):
        stored_type_of(header)


def test_a_number_beyond_single_precision_is_infinite():
    """Without a warning, which would repeat nothing of use; the check of a CT refuses infinite voxels."""
    values = np.where(VOXELS == 3, 1e300, VOXELS).astype("<f8")
    for header in (header_of("<f8"), header_of("<f8", slope=1e30)):
        assert np.isinf(read(values, header)).sum() >= 1
