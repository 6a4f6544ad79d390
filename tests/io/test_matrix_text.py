import numpy as np
import pytest

from hepareg.errors import FileFormatError, SettingsError, TransformError
from hepareg.io.matrix_text import read_matrix_text, write_matrix_text


def test_every_bit_survives(tmp_path, moving_from_fixed):
    path = tmp_path / "moving_from_fixed.txt"
    write_matrix_text(path, moving_from_fixed)
    np.testing.assert_array_equal(read_matrix_text(path).matrix, moving_from_fixed.matrix)
    np.testing.assert_array_equal(np.loadtxt(path), moving_from_fixed.matrix)
    assert len(path.read_text().splitlines()) == 4


def test_lps(tmp_path, moving_from_fixed):
    write_matrix_text(tmp_path / "lps.txt", moving_from_fixed, space="lps")
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "lps.txt"), moving_from_fixed.matrix_lps)
    again = read_matrix_text(tmp_path / "lps.txt", space="lps")
    np.testing.assert_array_equal(again.matrix, moving_from_fixed.matrix)
    with pytest.raises(SettingsError, match="ras or lps"):
        read_matrix_text(tmp_path / "lps.txt", space="lpi")


def test_comments_and_commas(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("# greedy\n1, 0, 0, 5\n0 1 0 6\n\n0 0 1 7\n0 0 0 1\n")
    np.testing.assert_array_equal(read_matrix_text(path).translation_mm, [5, 6, 7])


def test_other_content_is_refused(tmp_path):
    path = tmp_path / "a.txt"
    for text, error in [
        ("1 0 0\n0 1 0\n0 0 1\n", FileFormatError),
        ("1 0 0 x\n", FileFormatError),
        ("1 0 0 0\n0 1 0\n", FileFormatError),
        ("1 0 0 nan\n0 1 0 0\n0 0 1 0\n0 0 0 1\n", TransformError),
        ("1 0 0 0\n0 1 0 0\n0 0 0 0\n0 0 0 1\n", TransformError),
        ("1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 1 1\n", TransformError),
    ]:
        path.write_text(text)
        with pytest.raises(error, match="expected"):
            read_matrix_text(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileFormatError, match="not text"):
        read_matrix_text(path)
