"""The picture as a whole."""

import hashlib
import io

import numpy as np
import pytest

from hepareg.errors import SettingsError
from hepareg.figures import qa_figure
from hepareg.figures.qa import BLOCK_PX, PANEL_PX, _left_of
from hepareg.figures.shading import FIXED_RGB, MOVING_RGB
from hepareg.geometry import Grid
from hepareg.geometry.rotations import rotation_from_vector
from hepareg.transforms import RigidTransform
from hepareg.transforms.resample import resample
from hepareg.volume import Volume

POSE = RigidTransform.from_vectors([0.1, -0.1, 0.15], [12, -15, 18])
IDENTITY = RigidTransform.identity()


def ct(flips=(1, 1, 1), rotation=(0, 0, 0)):
    """Return a body with a liver of its own, on a grid centred at the world's origin."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_from_vector(rotation) @ np.diag(np.multiply([3.0, 3.0, 5.0], flips))
    matrix[:3, 3] = -Grid((90, 80, 44), matrix).centre_mm
    grid = Grid((90, 80, 44), matrix)
    points = grid.world_points(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1))
    body = np.linalg.norm(points / [120, 95, 200], axis=-1) < 1
    liver = np.linalg.norm((points - [40, 10, 0]) / [55, 50, 60], axis=-1) < 1
    return Volume(np.where(liver, 110, np.where(body, -20, -1000)).astype(np.int16), grid), Volume(liver, grid)


FIXED, FIXED_LIVER = ct(flips=(-1, -1, 1))
TARGET = ct(rotation=(0.1, 0.2, -0.1), flips=(1, 1, -1))[0].grid
MOVING = resample(FIXED, TARGET, moving_from_fixed=POSE.inverse())
MOVING_LIVER = resample(FIXED_LIVER, TARGET, moving_from_fixed=POSE.inverse(), interpolation="nearest", padding=0)
PAIR = {"moving": MOVING, "fixed": FIXED, "moving_from_fixed_before": IDENTITY, "moving_from_fixed_after": POSE}


def pixels(**options):
    return np.asarray(qa_figure(**PAIR, title="ACCEPT", lines=["one line"], **options)).astype(int)


def near(picture, rgb):
    return np.abs(picture - np.round(255 * np.array(rgb))).max(axis=-1) < 12


def panel(picture, block, column, top=230, height=260):
    left = _left_of(block, column)
    return picture[top : top + height, left : left + PANEL_PX]


def test_same_input_same_bytes():
    digests = set()
    for _ in range(2):
        stream = io.BytesIO()
        qa_figure(**PAIR, moving_mask=MOVING_LIVER, fixed_mask=FIXED_LIVER, title="t").save(stream, "PNG")
        digests.add(hashlib.sha256(stream.getvalue()).digest())
    assert len(digests) == 1
    assert b"tEXt" not in stream.getvalue()
    assert b"tIME" not in stream.getvalue()


def test_outlines_part_before_and_meet_after():
    picture = pixels(moving_mask=MOVING_LIVER, fixed_mask=FIXED_LIVER)
    centroids = []
    for block in (0, 1):
        ends = []
        for rgb in (FIXED_RGB, MOVING_RGB):
            rows, columns = np.nonzero(near(panel(picture, block, 1), rgb))
            assert len(rows) > 50
            ends.append(np.array([rows.min() + rows.max(), columns.min() + columns.max()]) / 2)
        centroids.append(np.abs(ends[0] - ends[1]).max())
    before, after = centroids
    assert before > 15
    assert after < 6


def test_before_equals_after_where_nothing_moves():
    picture = np.asarray(
        qa_figure(**PAIR | {"moving_from_fixed_after": IDENTITY}, fixed_mask=FIXED_LIVER, title="t", lines=["one"])
    )
    for column in (0, 1):
        assert np.array_equal(panel(picture, 0, column), panel(picture, 1, column))
    assert not np.array_equal(*(panel(pixels(fixed_mask=FIXED_LIVER), block, 0) for block in (0, 1)))


def test_masks_change_what_is_drawn():
    shown = {
        "both": pixels(moving_mask=MOVING_LIVER, fixed_mask=FIXED_LIVER),
        "fixed": pixels(fixed_mask=FIXED_LIVER),
        "moving": pixels(moving_mask=MOVING_LIVER),
    }
    colours = {
        name: [bool(near(panel(p, 1, 1), rgb).sum() > 40) for rgb in (FIXED_RGB, MOVING_RGB)]
        for name, p in shown.items()
    }
    assert colours == {"both": [True, True], "fixed": [True, False], "moving": [False, True]}


def test_works_without_masks_and_with_empty_ones():
    none = pixels()
    empty = pixels(fixed_mask=FIXED_LIVER.with_data(np.zeros(FIXED_LIVER.shape, bool)))
    assert np.array_equal(none, empty)


def test_long_title_and_many_lines_stay_inside():
    image = qa_figure(**PAIR, title="very long " * 60, lines=["and longer " * 80] * 4, decision="reject")
    assert image.width == 2 * BLOCK_PX + 86
    border = np.asarray(image)[:, -20:]
    assert (border == border[0, 0]).all()


def test_unknown_decision_is_an_error():
    with pytest.raises(SettingsError, match="accept, review, reject"):
        qa_figure(**PAIR, title="t", decision="perhaps")
