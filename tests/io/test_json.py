import numpy as np
import pytest

from hepareg.errors import FileFormatError
from hepareg.io.json import format_json, read_json, write_json


def test_same_content_same_bytes(tmp_path):
    content = {"b": np.float64(0.1), "a": [np.int64(1), True, None], "c": np.eye(2), "ö": "ü"}
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json") == {"a": [1, True, None], "b": 0.1, "c": [[1, 0], [0, 1]], "ö": "ü"}
    assert format_json({"a": 1, "b": 2}) == format_json({"b": 2, "a": 1})
    assert (tmp_path / "a.json").read_bytes().endswith(b"}\n")


@pytest.mark.parametrize("value", [float("nan"), np.inf, np.array([np.nan])])
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises(ValueError, match=r"not JSON compliant|Out of range"):
        format_json({"a": value})


def test_other_values_are_refused():
    with pytest.raises(TypeError, match="plain values"):
        format_json({"a": object()})


def test_broken_file(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1,\n "b"}')
    with pytest.raises(FileFormatError, match="line 2"):
        read_json(tmp_path / "a.json")
