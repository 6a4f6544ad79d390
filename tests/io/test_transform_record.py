"""A plain matrix keeps its meaning under another name, and loses it with the first number that is changed."""

import json
import shutil

import numpy as np
import pytest

from hepareg.errors import SettingsError
from hepareg.io.matrix_text import write_matrix_text
from hepareg.io.transform_record import MAX_RECORDS, RECORD_NAME, MatrixMeaning, agreed_meaning, meaning_by_name
from hepareg.io.transforms import MatrixMeaning as Said
from hepareg.io.transforms import read_transform, read_transform_file, states_itself, write_transform


@pytest.fixture
def written(tmp_path, moving_from_fixed):
    """fixed_from_moving.txt with its record, in a folder of its own."""
    folder = tmp_path / "results"
    folder.mkdir()
    write_transform(folder / "fixed_from_moving.txt", moving_from_fixed)
    return folder / "fixed_from_moving.txt"


def same(path, transform, **said):
    np.testing.assert_allclose(read_transform(path, **said).matrix, transform.matrix, atol=1e-9)


def test_sixteen_numbers_and_a_record(written, moving_from_fixed):
    np.testing.assert_allclose(np.loadtxt(written), moving_from_fixed.inverse().matrix)
    record = json.loads(written.with_name("fixed_from_moving.txt.json").read_text())
    assert record["files"][0]["direction"] == "fixed_from_moving"
    assert record["files"][0]["convention"] == "ras"


def test_read_in_place_renamed_and_moved(written, tmp_path, moving_from_fixed):
    same(written, moving_from_fixed)
    renamed = written.rename(written.with_name("liver.txt"))
    same(renamed, moving_from_fixed)
    assert states_itself(renamed)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(written.parent, elsewhere)
    (elsewhere / "fixed_from_moving.txt.json").rename(elsewhere / "note.json")
    same(elsewhere / "liver.txt", moving_from_fixed)


def test_other_line_ends_and_a_byte_order_mark_change_nothing(written, moving_from_fixed):
    text = written.read_text()
    path = written.with_name("windows.txt")
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    same(path, moving_from_fixed)
    path.write_bytes(text.encode("utf-16"))
    same(path, moving_from_fixed)


def test_without_the_record_the_name_tells_or_the_direction_is_asked_for(written, tmp_path, moving_from_fixed):
    (tmp_path / "alone").mkdir()
    named = shutil.copy(written, tmp_path / "alone" / "copy of fixed_from_moving (1).txt")
    same(named, moving_from_fixed)
    unnamed = shutil.copy(written, tmp_path / "alone" / "liver.txt")
    assert not states_itself(unnamed)
    with pytest.raises(SettingsError, match="direction is known") as caught:
        read_transform(unnamed)
    assert caught.value.options == ("direction",)
    same(unnamed, moving_from_fixed, direction="fixed_from_moving")


def test_an_edited_matrix_is_another_one(written, moving_from_fixed):
    matrix = np.loadtxt(written)
    matrix[0, 3] += 1
    np.savetxt(written, matrix)
    assert read_transform(written).inverse().matrix[0, 3] == pytest.approx(matrix[0, 3])  # its name still tells
    with pytest.raises(SettingsError, match="direction is known"):
        read_transform(written.rename(written.with_name("edited.txt")))


def test_contradictions_are_errors(written, tmp_path):
    with pytest.raises(SettingsError, match="moving_from_fixed and fixed_from_moving"):
        read_transform(written, direction="moving_from_fixed")
    with pytest.raises(SettingsError, match="lps and ras"):
        read_transform(written, convention="lps")
    with pytest.raises(SettingsError, match="fixed_from_moving and moving_from_fixed"):
        read_transform(written.rename(written.with_name("moving_from_fixed.txt")))
    with pytest.raises(SettingsError, match="expected one of"):
        agreed_meaning("a.txt", MatrixMeaning("ijk"))


def test_a_default_is_noted(written, tmp_path, moving_from_fixed):
    unnamed = shutil.copy(written, tmp_path / "a.txt")
    read = read_transform_file(unnamed, default_direction="moving_from_fixed")
    assert "read as moving_from_fixed in RAS mm" in read.notes[0]
    read = read_transform_file(unnamed, said=Said(convention="ras"))
    assert "read as moving_from_fixed in RAS mm" in read.notes[0]
    read = read_transform_file(unnamed, said=Said(direction="fixed_from_moving"))
    assert "in RAS mm" in read.notes[0]
    assert read_transform_file(unnamed, said=Said("ras", "fixed_from_moving")).notes == ()


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("moving_from_fixed.txt", MatrixMeaning(None, "moving_from_fixed")),
        ("case 7 - Fixed-from-Moving.txt", MatrixMeaning(None, "fixed_from_moving")),
        ("moving_from_fixed_lps.txt", MatrixMeaning("lps", "moving_from_fixed")),
        ("fixed_from_moving_flirt.mat", MatrixMeaning("flirt", "fixed_from_moving")),
        ("greedy_affine.mat", MatrixMeaning("ras", "moving_from_fixed")),
        ("flirt_in_ras.mat", MatrixMeaning()),
        ("affine.mat", MatrixMeaning()),
        ("eclipse.txt", MatrixMeaning()),
    ],
)
def test_names(name, meaning):
    assert meaning_by_name(name) == meaning


def test_a_mat_is_never_guessed(tmp_path, grids, moving_from_fixed):
    write_matrix_text(tmp_path / "affine.mat", moving_from_fixed)
    images = {"moving": grids["oblique"], "fixed": grids["lps"]}
    with pytest.raises(SettingsError, match="convention is known") as caught:
        read_transform(tmp_path / "affine.mat", **images)
    assert caught.value.options == ("convention",)
    with pytest.raises(SettingsError, match="convention is known"):
        read_transform(tmp_path / "affine.mat", direction="moving_from_fixed")
    same(tmp_path / "affine.mat", moving_from_fixed, convention="ras")
    write_transform(tmp_path / "fixed_from_moving_flirt.mat", moving_from_fixed, **images)
    renamed = (tmp_path / "fixed_from_moving_flirt.mat").rename(tmp_path / "xfm.mat")
    np.testing.assert_allclose(read_transform(renamed, **images).matrix, moving_from_fixed.matrix, atol=1e-6)
    with pytest.raises(SettingsError, match="ras and flirt"):
        read_transform(renamed, convention="ras", **images)


def test_flirt_run_the_other_way(tmp_path, grids, moving_from_fixed):
    """FLIRT with -in fixed and -ref moving maps fixed to moving."""
    write_transform(tmp_path / "a.mat", moving_from_fixed.inverse(), moving=grids["lps"], fixed=grids["oblique"])
    (tmp_path / "a.mat.json").unlink()
    said = {"convention": "flirt", "direction": "moving_from_fixed"}
    same(tmp_path / "a.mat", moving_from_fixed, moving=grids["oblique"], fixed=grids["lps"], **said)


def test_formats_with_a_direction_of_their_own(tmp_path, grids, moving_from_fixed):
    images = {"moving": grids["oblique"], "fixed": grids["lps"]}
    write_transform(tmp_path / "a.tfm", moving_from_fixed)
    same(tmp_path / "a.tfm", moving_from_fixed.inverse(), direction="fixed_from_moving")
    with pytest.raises(SettingsError, match="states its own"):
        read_transform(tmp_path / "a.tfm", convention="ras")
    renamed = (tmp_path / "a.tfm").rename(tmp_path / "fixed_from_moving.tfm")
    with pytest.raises(SettingsError, match="name and format"):
        read_transform(renamed)
    same(renamed, moving_from_fixed, direction="moving_from_fixed")
    with pytest.raises(SettingsError, match="fixed_from_moving"):
        write_transform(tmp_path / "fixed_from_moving_b.tfm", moving_from_fixed)
    write_transform(tmp_path / "fixed_from_moving.lta", moving_from_fixed, **images)
    same(tmp_path / "fixed_from_moving.lta", moving_from_fixed)
    with pytest.raises(SettingsError, match="moving_from_fixed"):
        write_transform(tmp_path / "moving_from_fixed.lta", moving_from_fixed, **images)


def fill_with_other_json(folder, number):
    for n in range(number):
        (folder / f"a{n:04}.json").write_text("{}")


def test_the_own_record_is_read_in_a_folder_of_many_json_files(written, moving_from_fixed):
    """More files of another program than are searched, all of them before the record in the alphabet."""
    fill_with_other_json(written.parent, MAX_RECORDS + 5)
    same(written, moving_from_fixed)
    record = written.with_name("fixed_from_moving.txt.json")
    record.rename(written.with_name(RECORD_NAME))
    same(written.rename(written.with_name("liver.txt")), moving_from_fixed)


def test_json_files_that_are_too_many_to_be_searched_are_told(written, moving_from_fixed):
    fill_with_other_json(written.parent, MAX_RECORDS + 5)
    written.with_name("fixed_from_moving.txt.json").rename(written.with_name("zz.json"))
    renamed = written.rename(written.with_name("liver.txt"))
    told = "6 further JSON files in its folder were not searched for its record"
    with pytest.raises(SettingsError, match=told) as caught:
        read_transform(renamed)
    assert caught.value.options == ("direction",)
    read = read_transform_file(renamed, said=Said("ras", "fixed_from_moving"))
    assert [told in note for note in read.notes] == [True]
    np.testing.assert_allclose(read.transform.matrix, moving_from_fixed.matrix, atol=1e-9)
    for n in range(6):
        (written.parent / f"a{n:04}.json").unlink()
    same(renamed, moving_from_fixed)
