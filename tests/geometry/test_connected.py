"""One piece or several, as SciPy's labels say."""

import numpy as np
import pytest
from scipy import ndimage

from hepareg.geometry.connected import hangs_together


def snake(length):
    """A path that winds through the array: the front has far to go."""
    mask = np.zeros((length, 21, 3), dtype=bool)
    for n, column in enumerate(range(0, 21, 4)):
        mask[:, column, 1] = True
        mask[-1 if n % 2 else 0, column : column + 5, 1] = True
    return mask


def two_boxes(gap):
    mask = np.zeros((20, 12, 12), dtype=bool)
    mask[2:8, 2:9, 2:9] = True
    mask[8 + gap : 16, 2:9, 2:9] = True
    return mask


def steps():
    """Cubes that touch at their corners."""
    diagonal = np.eye(3, dtype=bool)
    return np.kron(diagonal[:, :, None] & diagonal[:, None], np.ones((2, 2, 2), dtype=bool))


CASES = {
    "box": (two_boxes(0), True),
    "corners": (steps(), True),
    "two boxes": (two_boxes(1), False),
    "snake": (snake(80), True),
    "cut snake": (np.where(np.arange(80)[:, None, None] == 40, False, snake(80)), False),
    "speck": (two_boxes(0) | (np.indices((20, 12, 12)).sum(axis=0) == 41), False),
    "nothing": (np.zeros((3, 3, 3), dtype=bool), True),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", [np.asarray, np.asfortranarray])
def test_hangs_together(name, kind):
    mask, expected = CASES[name]
    assert hangs_together(kind(mask)) is expected


def test_as_labels_say_on_random_masks():
    rng = np.random.default_rng(5)
    found = []
    for share in np.linspace(0.02, 0.3, 60):
        mask = rng.random(rng.integers(1, 9, 3)) < share
        found.append(hangs_together(mask))
        assert found[-1] is bool(ndimage.label(mask, structure=np.ones((3, 3, 3)))[1] <= 1)
    assert {True, False} == set(found)
