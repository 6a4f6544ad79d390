import numpy as np
import pytest

from hepareg import Grid, Volume
from hepareg.preprocessing.liver_crop import LiverCrop
from hepareg.registration.liver_top import below_liver_top


@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_nothing_above_the_liver_is_left(flip):
    data = np.zeros((30, 30, 40), dtype=bool)
    data[5:25, 5:25, 10:30] = True
    data[10, 10, 30:33] = True  # a spike of 1 mm2 is not the liver's top
    if flip < 0:
        data = data[:, :, ::-1]
    mask = Volume(data, Grid(data.shape, np.diag([1.0, 1.0, flip, 1.0])))
    image = mask.with_data(data.astype(np.int16))
    cropped, cropped_mask = below_liver_top(image, mask, lattice_mm=4.5)
    heights = cropped.grid.corners_mm[:, 2]
    top = 29 if flip > 0 else -10
    assert heights.max() == pytest.approx(top)
    assert cropped_mask.shape == cropped.shape
    assert heights.min() == pytest.approx(image.grid.corners_mm[:, 2].min())


def test_a_tiny_mask_crops_nothing():
    mask = Volume(np.zeros((5, 5, 5), dtype=bool), Grid((5, 5, 5), np.eye(4)))
    mask.data[2, 2, 2] = True
    assert below_liver_top(mask, mask, lattice_mm=4.5)[0].shape == (5, 5, 5)


def test_a_stray_piece_above_the_liver_is_not_its_top():
    data = np.zeros((40, 40, 60), dtype=bool)
    data[5:35, 5:35, 10:35] = True
    data[8:20, 8:20, 48:52] = True
    mask = Volume(data, Grid(data.shape, np.eye(4)))
    cropped, _ = below_liver_top(mask, mask, lattice_mm=4.5)
    assert cropped.shape[2] == 35
    assert LiverCrop().region(mask).top_slice == 34


def test_a_piece_one_thin_slice_above_the_liver_is_not_its_top():
    data = np.zeros((40, 40, 90), dtype=bool)
    data[5:35, 5:35, 10:55] = True
    data[8:28, 8:28, 56:75] = True
    mask = Volume(data, Grid(data.shape, np.diag([1.0, 1.0, 0.6, 1.0])))
    assert below_liver_top(mask, mask, lattice_mm=4.5)[0].shape[2] == 55
