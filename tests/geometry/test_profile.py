"""Counts of a mask along its axes, of arrays in any memory order and of tensors."""

import numpy as np
import pytest
import torch

from hepareg.errors import MaskError
from hepareg.geometry.profile import mask_profile

ORDERS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "reversed": lambda mask: mask.copy()[::-1, :, ::-1][::-1, :, ::-1],
    "view": lambda mask: np.pad(mask, 3)[3:-3, 3:-3, 3:-3],
    "permuted": lambda mask: np.ascontiguousarray(mask.transpose(1, 0, 2)).transpose(1, 0, 2),
    "labels": lambda mask: 7 * mask.astype(np.int16),
    "tensor": torch.from_numpy,
    "labels on a device": lambda mask: torch.from_numpy(np.asfortranarray(7 * mask.astype(np.int16))),
}


@pytest.fixture
def mask():
    mask = np.zeros((12, 300, 9), dtype=bool)
    mask[2:11, 5:290, 1:7] = np.random.default_rng(1).random((9, 285, 6)) > 0.4
    return mask


@pytest.mark.parametrize("order", ORDERS)
def test_counts_box_and_centroid(mask, order):
    profile = mask_profile(ORDERS[order](mask))
    for axis, counts in enumerate(profile.counts):
        assert (counts == mask.sum(axis=tuple(a for a in range(3) if a != axis))).all()
    where = np.argwhere(mask)
    assert profile.total == len(where)
    assert np.allclose(profile.centroid_vox, where.mean(axis=0))
    assert (profile.box[0] == where.min(axis=0)).all()
    assert (profile.box[1] == where.max(axis=0) + 1).all()


@pytest.mark.parametrize("empty", [np.zeros((3, 4, 5), dtype=bool), torch.zeros(3, 4, 5)])
def test_an_empty_mask_has_no_box(empty):
    profile = mask_profile(empty)
    assert profile.total == 0
    with pytest.raises(MaskError, match="got an empty one"):
        _ = profile.centroid_vox
    with pytest.raises(MaskError, match="empty"):
        _ = profile.box


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("box", [((0, 0, 0), (12, 300, 9)), ((4, 10, 2), (9, 299, 9)), ((3, 0, 1), (4, 6, 9))])
def test_counts_of_a_part_of_the_mask(mask, order, box):
    given, (start, stop) = ORDERS[order](mask), np.array(box)
    part = mask_profile(given).cropped(given, start, stop)
    expected = mask_profile(mask[tuple(map(slice, start, stop))])
    assert all(np.array_equal(a, b) for a, b in zip(part.counts, expected.counts, strict=True))


def test_what_holds_the_whole_mask_is_not_counted_again(mask, monkeypatch):
    profile = mask_profile(mask)
    monkeypatch.setattr("hepareg.geometry.profile.mask_profile", None)
    part = profile.cropped(mask, *profile.box)
    assert part.total == profile.total
