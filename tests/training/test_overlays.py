import numpy as np

from hepareg.training.overlays import TILE_VOX, ZOOM, overlay_picture


def test_tiles_alternate_between_the_images_and_before_is_above_after():
    shape = (32, 24, 16)
    black, white = np.full(shape, -1.0), np.full(shape, 1.0)
    picture = overlay_picture(white, black, black)
    before, after = np.split(picture, 2)
    assert after.max() == 0
    assert before[0, 0] != before[0, TILE_VOX * ZOOM]


def test_the_patients_right_is_on_the_left_and_superior_is_up():
    image = np.full((32, 24, 16), -1.0)
    image[-1, :, -1] = 1.0  # rightmost in the world, most superior
    picture = overlay_picture(image, image, image)
    coronal = picture[: 16 * ZOOM, (24 + 2) * ZOOM : (24 + 2 + 32) * ZOOM]
    rows, columns = np.nonzero(coronal)
    assert rows.max() < ZOOM
    assert columns.max() < ZOOM
