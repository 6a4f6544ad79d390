"""Masks of a picture are cropped to their liver before they are sampled."""

import numpy as np

from hepareg.figures.panels import crop_masks
from hepareg.geometry import Grid
from hepareg.pair import ImagePair
from hepareg.volume import Volume

GRID = Grid((12, 10, 8), np.array([[2.0, 0, 0, -5], [0, 2, 0, 10], [0, 0, 3, 0], [0, 0, 0, 1]]))
CT = Volume(np.zeros(GRID.shape), GRID)


def test_a_mask_keeps_its_liver_with_a_voxel_around_it_in_place():
    labels = np.zeros(GRID.shape, np.uint8)
    labels[4:7, 0:3, 5:8] = 6
    pair = crop_masks(ImagePair(CT, CT, fixed_mask=Volume(labels, GRID)))
    assert pair.fixed_mask.shape == (5, 4, 4)  # clipped at the image's border
    assert pair.fixed_mask.data.dtype == bool
    assert np.allclose(pair.fixed_mask.centroid_mm, Volume(labels, GRID).centroid_mm)
    assert pair.fixed is CT
    assert pair.moving_mask is None


def test_an_empty_mask_counts_as_none():
    assert crop_masks(ImagePair(CT, CT, moving_mask=CT)).masks == ()
