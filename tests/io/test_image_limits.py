import numpy as np
import pytest

from hepareg.errors import FileFormatError, ImageError
from hepareg.geometry import Grid
from hepareg.io.image_limits import check_placement, check_stored_bytes


def grid(shape, spacing):
    return Grid(shape, np.diag([*np.broadcast_to(spacing, 3).astype(float), 1]))


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [
        ((512, 512, 300), (0.7, 0.7, 1)),
        ((512, 512, 40), (0.5, 0.5, 5)),
        ((1024, 1024, 900), 0.2),
        ((60, 50, 40), 6),
        ((70, 64, 30), (1, 1.1, 2.5)),
        ((30, 30, 20), 0.5),
        ((512, 512, 2), (0.9, 0.9, 10)),
    ],
)
def test_images_as_people_have_them(shape, spacing):
    check_placement(grid(shape, spacing))


@pytest.mark.parametrize("factor", [0.001, 0.1, 1000], ids=["metres", "centimetres", "micrometres"])
@pytest.mark.parametrize(
    ("shape", "spacing"),
    [((512, 512, 300), (0.7, 0.7, 1)), ((512, 512, 40), (0.98, 0.98, 5)), ((120, 100, 76), 3), ((300, 300, 200), 1.5)],
)
def test_another_unit_is_told(shape, spacing, factor):
    with pytest.raises(ImageError, match="another unit than mm"):
        check_placement(grid(shape, np.array(spacing) * factor))


@pytest.mark.parametrize(
    ("shape", "available", "encoding"),
    [
        ((512, 512, 300), 512 * 512 * 300 * 2 - 1, "raw"),
        ((512, 512, 300), 100, "gzip"),
        ((512, 512, 9000), 10**9, "gzip"),
        ((32767, 32767, 32767), 10**18, "raw"),
        ((10**30, 1, 1), 10**9, "raw"),
    ],
)
def test_sizes_that_inflate(shape, available, encoding):
    with pytest.raises(FileFormatError, match="expected"):
        check_stored_bytes(shape, 2, available=available, encoding=encoding)


def test_a_mask_that_packs_well():
    """Zeros: deflate makes 1,000 bytes of one."""
    check_stored_bytes((512, 512, 300), 1, available=80_000, encoding="gzip")
