import gzip

import numpy as np
import pytest

from hepareg.errors import FileFormatError
from hepareg.io.byte_stream import open_bytes, reading, write_bytes

CONTENT = np.random.default_rng(0).integers(0, 50, 100_000).astype(np.uint8).tobytes()


def test_gzip_is_known_by_its_content(tmp_path):
    write_bytes(tmp_path / "a.gz", [CONTENT[:7], memoryview(CONTENT[7:])])
    write_bytes(tmp_path / "a.bin", [CONTENT])
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()) == CONTENT
    (tmp_path / "a.gz").rename(tmp_path / "renamed")
    for name in ("renamed", "a.bin"):
        with open_bytes(tmp_path / name) as stream:
            assert stream.read(5) == CONTENT[:5]
            assert stream.read(len(CONTENT)) == CONTENT[5:]


def test_several_members_follow_one_another(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(CONTENT[:100]) + gzip.compress(CONTENT[100:]))
    with open_bytes(tmp_path / "a.gz") as stream:
        assert stream.read() == CONTENT


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (FileNotFoundError(2, "x"), "does not exist"),
        (PermissionError(13, "x"), "no permission"),
        (NotADirectoryError(20, "Not a directory"), "Not a directory"),
        (EOFError(), "truncated"),
        (gzip.BadGzipFile("CRC"), "damaged"),
        (OSError(5, "Input/output error"), "Input/output error"),
    ],
)
def test_errors_of_the_system_become_one_line(error, message):
    with (
        pytest.raises(FileFormatError, match=f"expected a picture.*{message}"),
        reading("a.png", expected="a picture"),
    ):
        raise error
