"""Points and centroids of masks."""

import numpy as np
import pytest

from hepareg.errors import MaskError
from hepareg.geometry import Grid
from hepareg.geometry import masked as module
from hepareg.geometry.masked import centroid_mm, iterate_points_mm, points_mm
from hepareg.geometry.profile import mask_profile

OBLIQUE = Grid((7, 9, 5), [[-0.6, 0.4, 0.0, 12.0], [0.8, 0.3, 0.0, -7.0], [0.0, 0.0, 2.5, 100.0], [0, 0, 0, 1]])


@pytest.mark.parametrize("order", ["C", "F"])
def test_points_are_the_world_points_of_the_mask(order, monkeypatch):
    mask = np.asarray(np.random.default_rng(1).random(OBLIQUE.shape) > 0.7, order=order)
    expected = OBLIQUE.world_points(np.argwhere(mask))
    monkeypatch.setattr(module, "PORTION_VOXELS", 50)
    portions = list(iterate_points_mm(mask, OBLIQUE))
    assert len(portions) > 1
    found = np.concatenate(portions)
    assert np.allclose(found[np.lexsort(found.T)], expected[np.lexsort(expected.T)], atol=1e-12)
    assert np.allclose(points_mm(mask, OBLIQUE).mean(0), centroid_mm(mask, OBLIQUE), atol=1e-12)


def test_labels_count_as_inside():
    labels = np.zeros(OBLIQUE.shape, dtype=np.uint8)
    labels[2, 3, 1], labels[4, 3, 1] = 1, 5
    assert np.allclose(centroid_mm(labels, OBLIQUE), OBLIQUE.world_points([3, 3, 1]))


def test_wrong_masks_are_errors():
    with pytest.raises(MaskError, match="empty"):
        centroid_mm(np.zeros(OBLIQUE.shape), OBLIQUE)
    with pytest.raises(MaskError, match="as its grid says"):
        points_mm(np.ones((2, 2, 2)), OBLIQUE)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_are_counted_across_any_axis(axis):
    mask = np.random.default_rng(0).random((5, 6, 7)) > 0.6
    assert mask_profile(mask).counts[axis].tolist() == [int(part.sum()) for part in np.moveaxis(mask, axis, 0)]
