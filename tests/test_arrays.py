"""Properties that arrays and tensors share."""

import numpy as np
import pytest
import torch

from hepareg.arrays import is_bool, slowest_first


@pytest.mark.parametrize("kind", [np.zeros, torch.zeros])
def test_bool_is_bool_in_both_libraries(kind):
    library = np if kind is np.zeros else torch
    assert is_bool(kind(3, dtype=library.bool if library is torch else np.bool_))
    assert not is_bool(kind(3, dtype=library.uint8))


def test_axes_by_stride():
    array = np.zeros((2, 3, 4))
    assert slowest_first(array.strides) == (0, 1, 2)
    assert slowest_first(array.T.strides) == (2, 1, 0)
    assert slowest_first(array[::-1, :, ::-1].strides) == (0, 1, 2)  # directions do not matter
    assert slowest_first(torch.zeros(2, 3, 4).permute(1, 2, 0).stride()) == (2, 0, 1)
