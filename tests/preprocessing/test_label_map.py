"""Labels told from intensities."""

import numpy as np
import pytest

from hepareg.geometry import Grid
from hepareg.io.nifti import read_nifti
from hepareg.preprocessing.label_map import is_label_map
from hepareg.volume import Volume

GRID = Grid((24, 20, 12), np.eye(4))
RNG = np.random.default_rng(0)


def organs(dtype):
    data = np.zeros(GRID.shape, dtype)
    data[2:10, 2:12] = 5
    data[12:20, 2:12, 3:] = 117
    return data


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (organs(np.uint8), True),
        (organs(np.int16), True),
        (organs(np.float32), True),
        (organs(np.uint8) > 0, True),
        (np.eye(24, 20)[..., None].repeat(12, axis=2).astype(np.uint8) * 3, True),
        (np.zeros(GRID.shape, np.int16), True),
        (RNG.normal(50, 20, GRID.shape).astype(np.int16), False),
        (RNG.integers(0, 255, GRID.shape).astype(np.uint8), False),
        (RNG.random(GRID.shape), False),
        (organs(np.float32) * 0.1, False),
        (organs(np.int16) - 1, False),
    ],
)
def test_kinds(data, expected):
    assert is_label_map(Volume(data, GRID)) is expected


def test_thin_vessels_are_labels():
    data = np.zeros(GRID.shape, np.uint8)
    data[3, 5, :] = 1
    data[10, 11, 2:9] = 2
    assert is_label_map(Volume(data, GRID))


def test_real_files(shared_data):
    folder = shared_data / "totalsegmentator_example"
    assert is_label_map(read_nifti(folder / "example_seg.nii.gz"))
    assert not is_label_map(read_nifti(folder / "example_ct.nii.gz"))
