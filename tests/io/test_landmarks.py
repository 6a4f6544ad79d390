import numpy as np
import pytest

from hepareg.errors import FileFormatError, SettingsError
from hepareg.io.landmarks import Landmarks, read_landmarks, write_landmarks

POINTS = np.array([[10.5, -20.25, 300.0], [1 / 3, 2e-9, -5.0]])


@pytest.mark.parametrize("space", ["ras", "lps"])
def test_columns_in_any_order_and_others_survive(tmp_path, space):
    path = tmp_path / "a.csv"
    path.write_text('name,Z,Y,X,comment\n"portal, left",300,-20.25,10.5,sure\nb,-5,2e-9,0.3333333333333333,\n')
    landmarks = read_landmarks(path, space=space)
    np.testing.assert_allclose(landmarks.points, POINTS * ([-1, -1, 1] if space == "lps" else 1), rtol=1e-15)
    assert landmarks.names == ("portal, left", "b")
    write_landmarks(tmp_path / "b.csv", landmarks.with_points(landmarks.points + 1), space=space)
    again = read_landmarks(tmp_path / "b.csv", space=space)
    np.testing.assert_array_equal(again.points, landmarks.points + 1)
    assert again.rows[0][-1] == "sure"
    assert again.columns == ("name", "Z", "Y", "X", "comment")


def test_bare_points(tmp_path):
    write_landmarks(tmp_path / "a.csv", Landmarks(POINTS))
    assert (tmp_path / "a.csv").read_text().startswith("x,y,z\n10.5,-20.25,300\n")
    landmarks = read_landmarks(tmp_path / "a.csv")
    np.testing.assert_array_equal(landmarks.points, POINTS)
    assert landmarks.names == ("1", "2")


@pytest.mark.parametrize(("stated", "sign"), [("LPS", -1), ("1", -1), ("RAS", 1), ("0", 1)])
def test_slicer_fiducials(tmp_path, stated, sign):
    path = tmp_path / "a.fcsv"
    path.write_text(
        f"# Markups fiducial file version = 4.11\n# CoordinateSystem = {stated}\n"
        "# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\n"
        "1,10,20,30,0,0,0,1,1,1,0,F-1,,\n"
    )
    landmarks = read_landmarks(path)
    np.testing.assert_array_equal(landmarks.points, [[sign * 10, sign * 20, 30]])
    assert landmarks.names == ("F-1",)
    write_landmarks(tmp_path / "b.fcsv", landmarks)
    again = read_landmarks(tmp_path / "b.fcsv")
    np.testing.assert_array_equal(again.points, landmarks.points)
    assert again.names == ("F-1",)


def test_broken_files_give_one_line(tmp_path):
    for text, message in [
        ("1,2,3\n4,5,6\n", "names the columns"),
        ("", "names the columns"),
        ("x,y,z\n", "got none"),
        ("x,y,z\n1,2\n", "three numbers"),
        ("x,y,z\n1,2,c\n", "three numbers"),
        ("x,y,z\n1,2,nan\n", "NaN"),
    ]:
        (tmp_path / "a.csv").write_text(text)
        with pytest.raises(FileFormatError, match=message):
            read_landmarks(tmp_path / "a.csv")
    (tmp_path / "a.fcsv").write_text("# CoordinateSystem = IJK\n1,1,2,3\n")
    with pytest.raises(FileFormatError, match="coordinate system"):
        read_landmarks(tmp_path / "a.fcsv")
    with pytest.raises(FileFormatError, match="does not exist"):
        read_landmarks(tmp_path / "absent.csv")
    with pytest.raises(SettingsError, match="ras or lps"):
        read_landmarks(tmp_path / "a.csv", space="ijk")
