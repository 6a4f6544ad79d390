"""HU windows."""

import numpy as np
import pytest

from hepareg.errors import SettingsError
from hepareg.geometry import Grid
from hepareg.preprocessing import HuWindow
from hepareg.volume import Volume

CT = Volume(np.array([-2048, -100, 50, 200, 3000], np.int16).reshape(5, 1, 1), Grid((5, 1, 1), np.eye(4)))


def test_clip_stays_in_hu_and_type():
    clipped = HuWindow(-100, 200).clip(CT)
    assert clipped.data.ravel().tolist() == [-100, -100, 50, 200, 200]
    assert clipped.data.dtype == np.int16
    assert CT.data.min() == -2048


def test_scale_to_zero_and_one():
    scaled = HuWindow(-100, 200).scale(CT)
    assert scaled.data.dtype == np.float32
    assert scaled.data.ravel().tolist() == [0, 0, 0.5, 1, 1]


@pytest.mark.parametrize("ends", [(200, -100), (0, 0), (float("nan"), 1), (0, float("inf"))])
def test_wrong_ends(ends):
    with pytest.raises(SettingsError, match="LOW < HIGH"):
        HuWindow(*ends)
