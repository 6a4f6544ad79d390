import numpy as np
import pytest
import torch

from hepareg.errors import MaskError
from hepareg.geometry import Grid
from hepareg.preprocessing.axis_order import AxisOrder, reordered_grid
from hepareg.preprocessing.masks import check_liver_mask, labels_present, prepare_mask
from hepareg.volume import Phase, Volume

SHAPE = (12, 10, 8)
GRID = Grid(SHAPE, np.diag([0.7, 0.7, 2.5, 1.0]))
CT = Volume(np.random.default_rng(0).integers(-1000, 1500, SHAPE).astype(np.int16), GRID)
LABELS = np.zeros(SHAPE, np.uint8)
LABELS[2:6, 3:8, 1:5] = 5
LABELS[8:10, 3:8, 1:5] = 1


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_a_single_label_needs_no_choice(dtype):
    binary = (LABELS == 5).astype(dtype)
    mask = prepare_mask(Volume(binary, GRID), like=CT)
    assert mask.data.dtype == bool
    assert mask.data.flags.forc  # one pass over memory, in the order of the file
    np.testing.assert_array_equal(mask.data, LABELS == 5)


def test_one_of_several_labels():
    mask = prepare_mask(Volume(LABELS, GRID), like=CT, label=5)
    np.testing.assert_array_equal(mask.data, LABELS == 5)
    with pytest.raises(MaskError, match="got labels 1, 5: choose the label of the liver") as caught:
        prepare_mask(Volume(LABELS, GRID), like=CT)
    assert caught.value.options == ("mask_label", "moving_mask_label", "fixed_mask_label")
    with pytest.raises(MaskError, match="expected label 6 in the moving mask, got labels 1, 5"):
        prepare_mask(Volume(LABELS, GRID), like=CT, label=6, name="moving mask")


def test_axes_in_another_order():
    order = AxisOrder((1, 0, 2), (True, False, True))
    turned = Volume(order.apply(LABELS), reordered_grid(GRID, order))
    mask = prepare_mask(turned, like=CT, label=5)
    np.testing.assert_array_equal(mask.data, LABELS == 5)
    assert mask.grid is CT.grid
    assert mask.data.flags.forc  # one pass over memory, in the order of the file


def test_another_grid_is_noted():
    cropped = prepare_mask(Volume(LABELS[1:], GRID.crop((1, 0, 0), SHAPE)), like=CT, label=5)
    np.testing.assert_array_equal(cropped.data, LABELS == 5)
    assert "nearest neighbours" in cropped.provenance.notes[0]


def test_probabilities_are_cut_at_one_half():
    soft = np.where(LABELS == 5, 0.9, 0.0)
    soft[2:6, 3:8, 1] = 0.499
    soft[2:6, 3:8, 2] = 0.5
    wanted = (LABELS == 5) & (soft >= 0.5)
    many = np.where(wanted, 255, 0)
    many[8:12, 3:8, 1:3] = np.arange(40).reshape(4, 5, 2) + 80
    many[8, 3, 1] = 128
    for dtype in (np.float32, np.float64):
        mask = prepare_mask(Volume(soft.astype(dtype), GRID), like=CT)
        np.testing.assert_array_equal(mask.data, wanted)
        assert "probabilities" in mask.provenance.notes[0]
    bytes_ = prepare_mask(Volume(many.astype(np.uint8), GRID), like=CT, name="mask")
    assert bytes_.data[8, 3, 1]
    assert bytes_.data.sum() == wanted.sum() + 1
    plain = prepare_mask(Volume(np.where(wanted, 255, 0).astype(np.uint8), GRID), like=CT)
    np.testing.assert_array_equal(plain.data, wanted)
    assert plain.provenance.notes == ()


def test_what_is_no_mask():
    for data, message in [
        (np.zeros(SHAPE, np.uint8), "empty"),
        (np.zeros(SHAPE, bool), "empty"),
        (CT.data, "was an image given"),
        (CT.data - CT.data.min(), "different values: was an image given"),
        (LABELS * 0.3, "fractions"),
        (np.full(SHAPE, np.nan), "was an image given"),
        (LABELS.astype(np.int64) * 10**6, "was an image given"),
    ]:
        with pytest.raises(MaskError, match=message):
            prepare_mask(Volume(data, GRID), like=CT)


def test_many_labels_are_cut_short():
    data = (np.arange(np.prod(SHAPE)) % 60).reshape(SHAPE)
    assert labels_present(data) == list(range(1, 60))
    with pytest.raises(MaskError, match="18, 19, 20 and 39 more"):
        prepare_mask(Volume(data, GRID), like=CT)


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_a_bool_mask_is_taken_as_it_lies_and_counted_anew(kind):
    voxels = np.zeros((4, 5, 6), dtype=bool)
    voxels[1:3, 2, 2:5] = True
    image = Volume(np.zeros((4, 5, 6), np.int16), Grid((4, 5, 6), np.eye(4)), phase=Phase.ARTERIAL)
    mask = Volume(kind(voxels), Grid((4, 5, 6), np.eye(4)))
    prepared = prepare_mask(mask, like=image)
    assert prepared.data is mask.data
    assert (prepared.grid, prepared.phase) == (image.grid, Phase.ARTERIAL)
    voxels[0] = True  # the user's to change between two calls
    assert prepare_mask(mask, like=image).profile.total == voxels.sum()
    with pytest.raises(MaskError, match="expected label 2"):
        prepare_mask(mask, like=image, label=2)
    voxels[...] = False
    with pytest.raises(MaskError, match="empty"):
        prepare_mask(mask, like=image)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int8])
def test_a_plain_mask_on_a_device_is_not_copied(dtype):
    plain = torch.from_numpy(np.asfortranarray(LABELS == 5)).to(dtype)
    mask = prepare_mask(Volume(plain, GRID), like=CT)
    assert mask.data.dtype == torch.bool
    assert mask.data.data_ptr() == plain.data_ptr()
    np.testing.assert_array_equal(mask.data.numpy(), LABELS == 5)
    rounded = GRID.world_from_voxel * (1 + 1e-7)
    assert prepare_mask(Volume(plain, Grid(SHAPE, rounded)), like=CT).data.data_ptr() == plain.data_ptr()
    labels = torch.from_numpy(np.asfortranarray(LABELS)).to(torch.uint8)
    np.testing.assert_array_equal(prepare_mask(Volume(labels, GRID), like=CT, label=1).data.numpy(), LABELS == 1)
    with pytest.raises(MaskError, match="got labels 1, 5"):
        prepare_mask(Volume(labels, GRID), like=CT)


@pytest.mark.parametrize("slice_", range(3))
def test_a_mask_of_one_slice_over_lung_is_told(slice_):
    voxels = np.zeros((20, 20, 3), dtype=bool)
    voxels[2:18, 2:18, slice_] = True
    image = Volume(np.full((20, 20, 3), -800, np.int16), Grid((20, 20, 3), np.eye(4)))
    with pytest.raises(MaskError, match="-800 HU"):
        check_liver_mask(Volume(voxels, image.grid), like=image)


def test_wide_labels_are_named_from_zero():
    image = Volume(np.zeros((2, 2, 2), np.int16), Grid((2, 2, 2), np.eye(4)))
    mask = image.with_data(np.array([0, 70000] * 4, np.uint32).reshape(2, 2, 2))
    with pytest.raises(MaskError, match="values from 0 to 70000"):
        prepare_mask(mask, like=image)
