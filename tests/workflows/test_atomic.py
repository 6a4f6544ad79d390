"""Outputs appear whole or not at all."""

import errno
import os
import shutil

import pytest

from hepareg.errors import OutputError
from hepareg.workflows.atomic import (
    atomic_directory,
    atomic_file,
    check_output_directory,
    check_output_file,
    check_replaceable,
)


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_folder_appears_at_the_end(tmp_path):
    out = tmp_path / "sub" / "out"
    with atomic_directory(out) as temporary:
        (temporary / "a.txt").write_text("whole")
        assert not out.exists()
    assert names(out) == ["a.txt"]
    assert names(tmp_path / "sub") == ["out"]


def write_half(context, name=""):
    """Write something into an output and fail before its end."""
    with context as temporary:
        (temporary / name).write_text("half")
        raise RuntimeError("boom")


def test_an_error_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError, match="boom"):
        write_half(atomic_directory(tmp_path / "out"), "a.txt")
    with pytest.raises(RuntimeError, match="boom"):
        write_half(atomic_file(tmp_path / "f.txt"))
    assert names(tmp_path) == []


def test_older_results_are_kept_or_replaced_as_a_whole(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "old.txt").write_text("old")
    with pytest.raises(OutputError, match="expected an empty or a new folder"):
        check_output_directory(out)
    with pytest.raises(RuntimeError, match="boom"), atomic_directory(out, overwrite=True):
        raise RuntimeError("boom")
    assert names(out) == ["old.txt"]
    with atomic_directory(out, overwrite=True) as temporary:
        (temporary / "new.txt").write_text("new")
    assert names(out) == ["new.txt"]
    assert names(tmp_path) == ["out"]


def test_file_is_replaced_only_when_told(tmp_path):
    path = tmp_path / "f.nii.gz"
    with atomic_file(path) as temporary:
        assert temporary.name == "f.nii.gz"
        temporary.write_text("1")
    with pytest.raises(OutputError, match="expected a new file name"):
        check_output_file(path)
    with atomic_file(path, overwrite=True) as temporary:
        temporary.write_text("2")
    assert path.read_text() == "2"
    assert names(tmp_path) == ["f.nii.gz"]


def test_a_file_where_a_folder_is_wanted_and_the_reverse(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="got an existing file"):
        check_output_directory(tmp_path / "file")
    with pytest.raises(OutputError, match="got an existing folder"):
        check_output_file(tmp_path)
    with pytest.raises(OutputError, match="in a folder that cannot"):
        check_output_directory(tmp_path / "file" / "out")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that not even root can write")
def test_a_place_that_only_looks_writable_is_found_before_any_work():
    with pytest.raises(OutputError, match="got out in a folder that cannot"):
        check_output_directory("/proc/out")


@pytest.mark.parametrize(("code", "message"), [(errno.ENOSPC, "disk is full"), (errno.EACCES, "permission denied")])
def test_what_the_system_refuses_is_said_in_one_line(tmp_path, code, message):
    with pytest.raises(OutputError, match=message), atomic_directory(tmp_path / "out"):
        raise OSError(code, os.strerror(code))
    assert names(tmp_path) == []


def test_only_an_older_result_is_replaceable(tmp_path):
    out = tmp_path / "out"
    check_replaceable(out, own=("a.txt",))
    out.mkdir()
    (out / "a.txt").write_text("old")
    check_replaceable(out, own=("a.txt", "b.txt"))
    with pytest.raises(OutputError, match="holds an input"):
        check_replaceable(out, own=("a.txt",), inputs=[out / "a.txt"])
    with pytest.raises(OutputError, match="holds an input"):
        check_replaceable(out, own=("a.txt",), inputs=[out])
    (out / "thesis.docx").write_text("mine")
    with pytest.raises(OutputError, match="other files"):
        check_replaceable(out, own=("a.txt",))


def test_a_folder_that_cannot_be_replaced_is_told_before_any_work(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(OutputError, match="write permission: out"):
        check_output_directory(tmp_path / "out", overwrite=True)


def test_an_old_result_that_stays_does_not_hide_the_new_one(tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    (out / "old.txt").write_text("old")
    remove = shutil.rmtree

    def stubborn(path, ignore_errors=False):
        if ".old." in str(path):
            if not ignore_errors:
                raise PermissionError(13, "denied")
            return
        remove(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", stubborn)
    with atomic_directory(out, overwrite=True) as folder:
        (folder / "new.txt").write_text("new")
    assert [path.name for path in out.iterdir()] == ["new.txt"]
