"""A result that shows, warps and saves itself."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

import hepareg
from hepareg.errors import OutputError, SettingsError
from hepareg.io.nifti import read_nifti
from hepareg.transforms import RigidTransform
from hepareg.workflows import register_files as module

POSE = RigidTransform.from_vectors([0.02, 0.03, -0.04], [6.0, -5.0, 9.0], centre_mm=[0, 0, 60])
FILES = {"moving": "moving", "fixed": "fixed", "moving_mask": "moving_liver", "fixed_mask": "fixed_liver"}


@pytest.fixture
def paths(pair_folder, tmp_path):
    """Arguments of `register` as paths that hold the name of a patient."""
    folder = tmp_path / "Doe_Jane_1950"
    folder.mkdir()
    for name in FILES.values():
        (folder / f"{name}.nii.gz").write_bytes((pair_folder / f"{name}.nii.gz").read_bytes())
    return {role: folder / f"{name}.nii.gz" for role, name in FILES.items()}


@pytest.fixture
def result(paths, known_result):
    known_result(POSE, decision="review", reasons=["no_liver_mask", "pose_not_determined"])
    return hepareg.register(**paths)


def test_warp_is_the_file_of_the_command(result, paths, tmp_path):
    result.save(tmp_path / "out")
    assert np.array_equal(result.warp().data, read_nifti(tmp_path / "out" / "warped.nii.gz").data)
    for mask in (paths["moving_mask"], read_nifti(paths["moving_mask"])):
        warped = result.warp(mask)
        assert warped.grid.same_as(read_nifti(paths["fixed"]).grid)
        assert set(np.unique(warped.data)) == {0, 1}
    with pytest.raises(SettingsError, match="as image"):
        result.warp(3)


def test_figure_is_the_picture_of_the_command(result, tmp_path):
    result.save(tmp_path / "out")
    with Image.open(tmp_path / "out" / "qa.png") as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(result.figure()))


def page_and_picture(result):
    page = result._repr_html_()
    (encoded,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    return page.replace(encoded, ""), Image.open(io.BytesIO(base64.b64decode(encoded)))


def test_html_has_verdict_reasons_matrix_and_picture(result):
    page, picture = page_and_picture(result)
    assert "<b>REVIEW</b>: expected liver error 0.40 mm on average, below 0.6 mm in 95 % of the liver" in page
    for code in result.verdict.reasons:
        assert f"<b>{code}</b>: " in page
    numbers = re.findall(r'<td style="text-align:right">([^<]+)</td>', page)
    assert np.allclose(np.array(numbers, float).reshape(4, 4), POSE.matrix, atol=1e-6)  # six decimals are shown
    assert picture.size == result.figure().size
    assert "src" not in re.sub(r'src="data:', "", page), "nothing is fetched from elsewhere"


def test_html_of_a_rejected_result_has_no_matrix(paths, known_result):
    known_result(POSE, decision="reject", reasons=["pose_not_determined"], expected_mm=float("inf"))
    page, _ = page_and_picture(hepareg.register(**paths))
    assert "<b>REJECT</b>: do not use this result" in page
    assert "<td" not in page
    assert "lies" not in page


def test_html_and_repr_name_nobody_and_are_escaped(paths, known_result):
    known_result(POSE)
    moving = read_nifti(paths["moving"]).with_notes("<script>alert('x')</script> & more")
    result = hepareg.register(**{**paths, "moving": moving})
    page, _ = page_and_picture(result)
    assert "moving image: &lt;script&gt;" in page
    assert "<script" not in page
    for text in (page, repr(result), str(result.notes)):
        assert "Doe" not in text
        assert "nii" not in text
    assert repr(result).startswith("<Registration: accept: expected liver error 0.40 mm on average, below 0.6 mm")


def test_save_of_images_in_memory_keeps_no_name(paths, known_result, tmp_path):
    known_result(POSE)
    result = hepareg.register(**{role: read_nifti(path) for role, path in paths.items()})
    report = result.save(tmp_path / "out")
    assert report["outputs"]["left_out"] == {}
    moved = read_nifti(tmp_path / "out" / "moving_in_fixed_space.nii.gz")
    moving = read_nifti(paths["moving"])
    assert np.array_equal(moved.data, moving.data)
    expected = POSE.inverse().apply(moving.grid.centre_mm)
    assert np.abs(moved.grid.centre_mm - expected).max() < 1e-3  # a header of single precision
    assert all(b"Doe" not in path.read_bytes() for path in (tmp_path / "out").glob("*.[tjlm]*"))


def test_save_replaces_older_results_only_if_allowed(result, tmp_path):
    result.save(tmp_path / "out")
    with pytest.raises(OutputError, match="with files") as found:
        result.save(tmp_path / "out")
    assert found.value.options == ("overwrite",)
    assert result.save(tmp_path / "out", overwrite=True, matrix_only=True)["warped"] is None
    assert not (tmp_path / "out" / "warped.nii.gz").exists()
    (tmp_path / "out" / "thesis.txt").write_text("precious")
    with pytest.raises(OutputError, match="other files"):
        result.save(tmp_path / "out", overwrite=True)


def test_a_failure_while_saving_leaves_nothing(result, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_json", interrupt)
    with pytest.raises(KeyboardInterrupt):
        result.save(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["Doe_Jane_1950"]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"folder": 3}, "folder"),
        ({"write": "elastix"}, "write"),
        ({"write": ["ants"]}, "further files"),
        ({"matrix_only": 1}, "matrix_only"),
        ({"overwrite": "yes"}, "overwrite"),
    ],
)
def test_wrong_arguments_of_save(result, tmp_path, arguments, name):
    with pytest.raises(SettingsError, match=name):
        result.save(**{"folder": tmp_path / "out", **arguments})
    assert not (tmp_path / "out").exists()
