import numpy as np
import pytest

from hepareg.errors import FileFormatError, SettingsError
from hepareg.io.point_space import agreed_space, mark_of, matrix_in, stated_space


@pytest.mark.parametrize(
    ("header", "space"),
    [
        (b"3D Slicer output. SPACE=LPS", "lps"),
        (b"SPACE=RAS", "ras"),
        (b"3D Slicer output. SPACE=RAS UNIT=mm", "ras"),
        (b"space = left-posterior-superior", "lps"),
        (b"# a mesh of another tool", None),
        (b"COLORSPACE=sRGB", None),
        (b"", None),
    ],
)
def test_headers(header, space):
    assert stated_space(header, "a.stl") == space


@pytest.mark.parametrize("header", [b"SPACE=LAS", b"SPACE=RAS and SPACE=LPS", b"SPACE=LPS UNIT=cm"])
def test_another_space_or_unit_is_refused(header):
    with pytest.raises(FileFormatError, match="expected"):
        stated_space(header, "a.stl")


def test_the_file_is_believed_and_nobody_contradicts_it():
    assert agreed_space("lps", None, "a.stl") == "lps"
    assert agreed_space("lps", "lps", "a.stl") == "lps"
    assert agreed_space(None, "lps", "a.stl") == "lps"
    assert agreed_space(None, None, "a.stl") == "ras"
    with pytest.raises(SettingsError, match="expected points in LPS") as caught:
        agreed_space("lps", "ras", "a.stl")
    assert caught.value.options == ("space",)
    with pytest.raises(SettingsError, match="ras or lps"):
        agreed_space(None, "ijk", "a.stl")


def test_the_matrix_of_a_space(moving_from_fixed, landmarks):
    lps = landmarks * [-1, -1, 1]
    matrix = matrix_in(moving_from_fixed, "lps")
    moved = (lps @ matrix[:3, :3].T + matrix[:3, 3]) * [-1, -1, 1]
    np.testing.assert_allclose(moved, moving_from_fixed.apply(landmarks), atol=1e-12)
    assert mark_of("lps") == "SPACE=LPS"
