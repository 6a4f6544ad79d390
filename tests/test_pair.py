"""A pair keeps each mask beside its image."""

import numpy as np

from hepareg.geometry import Grid
from hepareg.pair import ImagePair
from hepareg.volume import Volume


def volume(size):
    return Volume(np.zeros((size, size, size)), Grid((size, size, size), np.eye(4)))


def test_masks_are_the_known_ones_moving_first():
    moving, fixed, moving_mask, fixed_mask = map(volume, (1, 2, 3, 4))
    assert ImagePair(moving, fixed).masks == ()
    assert ImagePair(moving, fixed, fixed_mask=fixed_mask).masks == (fixed_mask,)
    assert ImagePair(moving, fixed, moving_mask, fixed_mask).masks == (moving_mask, fixed_mask)
