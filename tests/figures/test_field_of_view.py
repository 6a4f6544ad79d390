"""What a picture shows."""

import numpy as np

from hepareg.figures.field_of_view import LARGEST_MM, MARGIN_MM, field_of_view
from hepareg.geometry import Grid
from hepareg.pair import ImagePair
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

CT = Volume(np.zeros((100, 100, 40), np.int16), Grid((100, 100, 40), np.diag([-3.0, -3.0, 5.0, 1.0])))
LIVER = CT.with_data(np.zeros(CT.shape, bool))
LIVER.data[40:60, 30:50, 10:30] = True
POSE = RigidTransform.from_vectors([0, 0, 0], [30, 0, 0])


def test_around_the_fixed_liver():
    box = field_of_view(ImagePair(CT, CT, None, LIVER), moving_from_fixed=POSE)
    assert np.allclose(box.centre_mm, CT.grid.world_points([49.5, 39.5, 19.5]))
    inner = CT.grid.crop((40, 30, 10), (60, 50, 30)).corners_mm
    assert (box.low_mm <= inner.min(0) - MARGIN_MM + 1e-9).all()
    assert (box.size_mm <= [57 + 60 + 12, 57 + 60 + 12, 95 + 60 + 20]).all()


def test_moving_liver_goes_to_the_fixed_world():
    fixed = field_of_view(ImagePair(CT, CT, None, LIVER), moving_from_fixed=POSE)
    moved = field_of_view(ImagePair(CT, CT, LIVER, None), moving_from_fixed=POSE)
    assert np.allclose(moved.centre_mm, fixed.centre_mm - [30, 0, 0])


def test_no_mask_shows_the_fixed_image_and_not_more_than_fits():
    box = field_of_view(ImagePair(CT, CT, None, None), moving_from_fixed=POSE)
    assert np.allclose(box.centre_mm, CT.grid.centre_mm)
    assert np.allclose(box.size_mm, [297, 297, 195])
    long = Volume(np.zeros((10, 10, 300), np.int16), Grid((10, 10, 300), np.diag([30.0, 30.0, 5.0, 1.0])))
    assert field_of_view(ImagePair(long, long, None, None), moving_from_fixed=POSE).size_mm[2] == LARGEST_MM
