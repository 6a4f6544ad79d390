"""The largest component, as SciPy's labels say, whatever the order of memory."""

import itertools

import numpy as np
import pytest
import torch
from scipy import ndimage

from hepareg.errors import MaskError
from hepareg.geometry.boxes import bounding_box
from hepareg.geometry.largest_component import largest_component


def labelled(mask):
    """Return what SciPy finds; of equal sizes it numbers the first in the order of indices first."""
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    component = labels == np.argmax(sizes)
    start, stop = bounding_box(component)
    return component[tuple(map(slice, start, stop))], start


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_is_what_labels_say(order, share):
    rng = np.random.default_rng(7)
    for shape in ((9, 7, 8), (1, 12, 5), (6, 1, 1), (16, 3, 2)):
        mask = (rng.random(shape) < share).astype(np.uint8)
        mask[0, 0, 0] = 1
        stored = np.ascontiguousarray(mask.transpose(order)).transpose(np.argsort(order))  # the same, in another order
        for flips in itertools.product([1, -1], repeat=3):
            view = stored[tuple(slice(None, None, flip) for flip in flips)]
            component, corner = largest_component(view)
            expected, at = labelled(view)
            assert component.dtype == bool
            assert np.array_equal(component, expected)
            assert corner.tolist() == at.tolist()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_of_equal_ones_the_first_by_index(order):
    mask = np.zeros((7, 7, 7), dtype=bool)
    mask[2, 5, 5] = mask[3, 0, 3] = mask[5, 3, 0] = True
    stored = np.ascontiguousarray(mask.transpose(order)).transpose(np.argsort(order))
    assert largest_component(stored)[1].tolist() == [2, 5, 5]


def test_a_winding_path_is_one():
    mask = np.zeros((80, 21, 3), dtype=bool)
    for n, column in enumerate(range(0, 21, 4)):
        mask[:, column, 1] = True
        mask[-1 if n % 2 else 0, column : column + 5, 1] = True
    mask[:60:2, :, ::2] = True
    component, _ = largest_component(mask)
    assert np.array_equal(component, labelled(mask)[0])


def test_a_tensor_will_do():
    mask = torch.zeros(5, 6, 7, dtype=torch.uint8)
    mask[1:3, 2:5, 3] = 2
    component, corner = largest_component(mask)
    assert (component.shape, component.all(), corner.tolist()) == ((2, 3, 1), True, [1, 2, 3])


def test_an_empty_mask_has_none():
    with pytest.raises(MaskError, match="at least one voxel"):
        largest_component(np.zeros((3, 4, 5), dtype=bool))
