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
    with pytest.raises(FileFormatError, match="RAS or LPS as the coordinate system"):
        read_landmarks(tmp_path / "a.fcsv")
    with pytest.raises(FileFormatError, match="does not exist"):
        read_landmarks(tmp_path / "absent.csv")
    with pytest.raises(SettingsError, match="ras or lps"):
        read_landmarks(tmp_path / "a.csv", space="ijk")


@pytest.mark.parametrize(
    ("head", "sign"),
    [
        ("label,r,a,s\n", 1),
        ("label,l,p,s\n", -1),
        ("label,R (mm),A (mm),S (mm)\n", 1),
        ("label,x_lps,y_lps,z_lps\n", -1),
        ("label,x (RAS),y (RAS),z (RAS)\n", 1),
        ("# CoordinateSystem = LPS\nlabel,x,y,z\n", -1),
        ("# SPACE=LPS\nlabel,X_mm,Y_mm,Z_mm\n", -1),
        ("# space: right-anterior-superior\nlabel,x,y,z\n", 1),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_that_states_its_space_is_believed(tmp_path, head, sign, delimiter):
    text = (head + "F-1,10,20,30\nF-2,1,2,3\n").replace(",", delimiter)
    (tmp_path / "a.csv").write_text(text)
    landmarks = read_landmarks(tmp_path / "a.csv")
    np.testing.assert_array_equal(landmarks.points, [[sign * 10, sign * 20, 30], [sign, sign * 2, 3]])
    stated = "lps" if sign < 0 else "ras"
    assert landmarks.stated_space == stated
    write_landmarks(tmp_path / "b.csv", landmarks)
    assert (tmp_path / "b.csv").read_text() == text
    read_landmarks(tmp_path / "a.csv", space=stated)
    with pytest.raises(SettingsError, match="as the file states"):
        read_landmarks(tmp_path / "a.csv", space="ras" if stated == "lps" else "lps")


@pytest.mark.parametrize("text", ["# space = LAS\nx,y,z\n1,2,3\n", "l,a,s\n1,2,3\n", "# SPACE=RAS\nl,p,s\n1,2,3\n"])
def test_another_or_a_contradictory_space_is_refused(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(FileFormatError, match="expected"):
        read_landmarks(tmp_path / "a.csv")


def test_a_table_of_ants_has_to_say_its_space(tmp_path):
    (tmp_path / "a.csv").write_text("x,y,z,t\n1,2,3,0\n")
    with pytest.raises(SettingsError, match="as ANTs writes it in LPS") as caught:
        read_landmarks(tmp_path / "a.csv")
    assert caught.value.options == ("space",)
    np.testing.assert_array_equal(read_landmarks(tmp_path / "a.csv", space="lps").points, [[-1, -2, 3]])


@pytest.mark.parametrize("suffix", [".txt", ".pts"])
def test_point_sets_of_elastix_are_in_lps(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_text("point\n2\n1 2 3\n-4 5 6.5\n")
    landmarks = read_landmarks(path)
    np.testing.assert_array_equal(landmarks.points, [[-1, -2, 3], [4, -5, 6.5]])
    write_landmarks(tmp_path / f"b{suffix}", landmarks)
    assert (tmp_path / f"b{suffix}").read_text() == path.read_text()
    with pytest.raises(SettingsError, match="as the file states"):
        read_landmarks(path, space="ras")
    path.write_text("index\n1\n1 2 3\n")
    with pytest.raises(FileFormatError, match="voxel indices"):
        read_landmarks(path)
    path.write_text("point")
    with pytest.raises(FileFormatError, match="second line"):
        read_landmarks(path)
    path.write_text("point\n7\n1 2 3\n")
    with pytest.raises(FileFormatError, match="second line"):
        read_landmarks(path)


def test_slicers_other_columns_and_space_survive(tmp_path):
    text = (
        "# Markups fiducial file version = 5.0\n# CoordinateSystem = RAS\n"
        "# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\n"
        "1,10,20,30,0,0,0,1,0,1,1,F-1,a note,node\n"
    )
    (tmp_path / "a.fcsv").write_text(text)
    write_landmarks(tmp_path / "b.fcsv", read_landmarks(tmp_path / "a.fcsv"))
    assert (tmp_path / "b.fcsv").read_text() == text


def test_a_row_that_begins_with_a_hash_is_a_point(tmp_path):
    """Only lines before the table are comments: a dropped row would be a lost landmark."""
    (tmp_path / "a.csv").write_text("# a comment\nname,x,y,z\na,1,2,3\n#2,10,20,30\n")
    landmarks = read_landmarks(tmp_path / "a.csv")
    assert landmarks.names == ("a", "#2")
    assert landmarks.comments == ("# a comment",)
    np.testing.assert_array_equal(landmarks.points, [[1, 2, 3], [10, 20, 30]])
    for row in ("#1,2,3\n", "# the end\n"):
        (tmp_path / "a.csv").write_text("x,y,z\n1,2,3\n" + row)
        with pytest.raises(FileFormatError, match="three numbers"):
            read_landmarks(tmp_path / "a.csv")


@pytest.mark.parametrize("count", [2, 20_000], ids=["short", "past the csv module's longest field"])
def test_a_quote_that_is_not_closed_swallows_no_row(tmp_path, count):
    (tmp_path / "a.csv").write_text('x,y,z,note\n1,2,3,"tip\n' + "4,5,6,other\n" * count)
    with pytest.raises(FileFormatError, match="quotes are closed"):
        read_landmarks(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text('x,y,z,"note\n1,2,3,tip\n')
    with pytest.raises(FileFormatError, match="quotes are closed"):
        read_landmarks(tmp_path / "a.csv")


def test_a_table_in_lps_says_so(tmp_path):
    """hepareg reads its own output at the same place without being told the space."""
    (tmp_path / "a.pts").write_text("point\n2\n1 2 3\n-4 5 6.5\n")
    (tmp_path / "a.csv").write_text("name,x,y,z\na,1,2,3\nb,-4,5,6.5\n")
    for name, said in (("a.pts", None), ("a.csv", "lps")):
        landmarks = read_landmarks(tmp_path / name, space=said)
        for output in ("b.csv", "b.tsv", "b.fcsv", "b.pts"):
            write_landmarks(tmp_path / output, landmarks, space=said or "ras")
            np.testing.assert_array_equal(read_landmarks(tmp_path / output).points, landmarks.points)
    write_landmarks(tmp_path / "c.csv", read_landmarks(tmp_path / "b.csv"))
    assert (tmp_path / "c.csv").read_text().startswith("# SPACE=LPS\nname,x,y,z\na,1,2,3\n")


def test_ants_reads_its_table_without_a_comment(tmp_path):
    text = "x,y,z,t\n1,2,3,0\n"
    (tmp_path / "a.csv").write_text(text)
    write_landmarks(tmp_path / "b.csv", read_landmarks(tmp_path / "a.csv", space="lps"), space="lps")
    assert (tmp_path / "b.csv").read_text() == text


FIDUCIALS = (
    "# Markups fiducial file version = 4.11\n# CoordinateSystem = LPS\n"
    "# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\n"
    "1,10,20,30,0,0,0,1,1,1,0,F-1,,\n"
)


@pytest.mark.parametrize("output", ["b.csv", "b.tsv", "b.fcsv"])
@pytest.mark.parametrize(
    ("name", "text"), [("a.csv", "# CoordinateSystem = LPS\nid,x,y,z\n1,10,20,30\n"), ("a.fcsv", FIDUCIALS)]
)
def test_the_suffix_of_the_output_decides_about_its_header(tmp_path, name, text, output):
    (tmp_path / name).write_text(text)
    landmarks = read_landmarks(tmp_path / name)
    write_landmarks(tmp_path / output, landmarks)
    again = read_landmarks(tmp_path / output)
    np.testing.assert_array_equal(again.points, [[-10, -20, 30]])
    assert again.names == landmarks.names
    assert ("# columns" in (tmp_path / output).read_text()) == (output == "b.fcsv")


def test_a_row_of_an_fcsv_without_its_label_has_an_empty_name(tmp_path):
    (tmp_path / "a.fcsv").write_text("# CoordinateSystem = LPS\n1,10,20,30\n2,40,50,60\n")
    assert read_landmarks(tmp_path / "a.fcsv").names == ("", "")


def test_a_point_beyond_the_world_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("x,y,z\n1,2,1e300\n")
    with pytest.raises(FileFormatError, match="finite"):
        read_landmarks(tmp_path / "a.csv")
