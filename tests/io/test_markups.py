import json

import numpy as np
import pytest

from hepareg.errors import FileFormatError, SettingsError
from hepareg.io.markups import markups_points, moved_markups, read_markups, write_markups

POINTS = [[10.0, 20.0, 300.0], [-5.0, 6.5, 280.0]]


def document(space="LPS"):
    """Two points, one that is not placed yet, and a box, as 3D Slicer 5 writes them."""
    placed = [
        {"id": str(n), "label": f"F-{n}", "position": p, "orientation": [-1, 0, 0, 0, -1, 0, 0, 0, 1],
         "positionStatus": "defined"}
        for n, p in enumerate(POINTS)
    ]  # fmt: skip
    open_point = {"id": "9", "label": "F-9", "position": [0.0, 0.0, 0.0], "positionStatus": "undefined"}
    box = {"type": "ROI", "coordinateSystem": space, "center": [1.0, 2.0, 3.0], "size": [10.0, 20.0, 30.0],
           "orientation": [1, 0, 0, 0, 1, 0, 0, 0, 1], "controlPoints": []}  # fmt: skip
    points = {"type": "Fiducial", "coordinateSystem": space, "coordinateUnits": "mm",
              "controlPoints": [*placed, open_point], "display": {"opacity": 1.0}}  # fmt: skip
    return {"@schema": "https://raw.githubusercontent.com/slicer/slicer/master/...", "markups": [points, box]}


@pytest.fixture
def written(tmp_path):
    def write(content):
        path = tmp_path / "a.mrk.json"
        path.write_text(json.dumps(content))
        return path

    return write


@pytest.mark.parametrize(("space", "signs"), [("LPS", [-1, -1, 1]), ("RAS", [1, 1, 1]), ("0", [1, 1, 1])])
def test_positions_move_in_the_space_that_is_stated(written, moving_from_fixed, space, signs):
    path = written(document(space))
    moved = moved_markups(read_markups(path), moving_from_fixed)
    wanted = moving_from_fixed.apply(np.array(POINTS) * signs) * signs
    np.testing.assert_allclose(markups_points(moved), wanted, atol=1e-9)
    box = moved["markups"][1]
    np.testing.assert_allclose(box["center"], moving_from_fixed.apply(np.array([1, 2, 3]) * signs) * signs, atol=1e-9)
    turn = np.diag(signs) @ moving_from_fixed.linear @ np.diag(signs)
    np.testing.assert_allclose(np.reshape(box["orientation"], (3, 3)), turn, atol=1e-9)
    assert box["size"] == [10.0, 20.0, 30.0]
    points = moved["markups"][0]
    assert points["coordinateSystem"] == space
    assert points["controlPoints"][2]["position"] == [0.0, 0.0, 0.0]
    assert points["display"] == {"opacity": 1.0}
    write_markups(path, moved)
    assert read_markups(path) == moved


def test_a_contradiction_is_an_error(written, moving_from_fixed):
    markups = read_markups(written(document("LPS")))
    moved_markups(markups, moving_from_fixed, space="lps")
    with pytest.raises(SettingsError, match="expected points in LPS"):
        moved_markups(markups, moving_from_fixed, space="ras")


def test_other_content_gives_one_line(written):
    broken = document()
    broken["markups"][0]["controlPoints"][0]["position"] = ["a", 1, 2]
    infinite = document()
    infinite["markups"][1]["center"] = [float("nan"), 0, 0]
    units = document()
    units["markups"][0]["coordinateUnits"] = "cm"
    for content in (broken, infinite, units, {"markups": [None]}, {"markups": []}, [], {}, document("IJK")):
        with pytest.raises(FileFormatError, match="expected") as caught:
            read_markups(written(content))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("orientation", ["x"] * 9), ("normal", [None] * 3), ("baseToNode", [[1, 2]] * 16), ("center", [10**400] * 3)],
)
def test_an_entry_that_cannot_be_moved_is_refused(tmp_path, name, value):
    markup = {"controlPoints": [{"position": [1, 2, 3]}], name: value}
    (tmp_path / "a.mrk.json").write_text(json.dumps({"markups": [markup]}))
    with pytest.raises(FileFormatError, match="other JSON"):
        read_markups(tmp_path / "a.mrk.json")
