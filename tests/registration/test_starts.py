import numpy as np
import pytest

from hepareg import Grid, RigidTransform, Volume
from hepareg.registration.starts import border_cut, find_starts


def ball(shape=(40, 40, 60), centre=(20, 20, 30), radius=12, matrix=None):
    away = np.linalg.norm(np.indices(shape) - np.reshape(centre, (3, 1, 1, 1)), axis=0)
    return Volume(away <= radius, Grid(shape, np.eye(4) if matrix is None else matrix))


def image_of(mask):
    return mask.with_data(np.where(mask.data, 60, -1000).astype(np.int16))


@pytest.mark.parametrize(("flip", "cut", "expected"), [(1, 0, (True, False)), (-1, 0, (False, True))])
def test_border_cut_knows_which_end_of_the_world(flip, cut, expected):
    mask = ball(centre=(20, 20, 5), matrix=np.diag([1.0, 1.0, flip, 1.0]))
    assert border_cut(mask) == expected


def test_a_mask_that_just_reaches_the_border_is_not_cut():
    assert border_cut(ball(centre=(20, 20, 12))) == (False, False)


def test_a_cut_mask_starts_from_the_common_end_as_well():
    whole, cut = ball(), ball()
    cut = cut.crop((0, 0, 28), (40, 40, 60))  # the lower end is gone, nothing has moved
    starts = find_starts(
        moving=image_of(cut), fixed=image_of(whole), moving_mask=cut, fixed_mask=whole, centre_mm=np.array([20, 20, 30])
    )
    named = {start.name: start.transform for start in starts}
    assert abs(named["mask_centroids"].translation_mm[2]) > 2.5
    np.testing.assert_allclose(named["liver_tops"].translation_mm, 0, atol=0.5)
    assert starts[0].name == "liver_tops"
    assert "liver_bottoms" not in named


def test_the_users_start_comes_first():
    given = RigidTransform.from_vectors((0.1, 0, 0), (5.0, 0, 0))
    mask = ball()
    starts = find_starts(
        moving=image_of(mask),
        fixed=image_of(mask),
        moving_mask=mask,
        fixed_mask=mask,
        centre_mm=np.zeros(3),
        given=given,
    )
    assert starts[0].name == "user"
    assert starts[0].transform is given
    assert {"mask_centroids", "identity", "turned"} <= {start.name for start in starts}


def test_without_masks_the_bodies_outlines_count():
    fixed = image_of(ball())
    moving = Volume(
        fixed.data, Grid(fixed.shape, np.array([[1.0, 0, 0, 70], [0, 1, 0, 0], [0, 0, 1, -40], [0, 0, 0, 1]]))
    )
    starts = find_starts(moving=moving, fixed=fixed, moving_mask=None, fixed_mask=None, centre_mm=np.zeros(3))
    body = next(start for start in starts if start.name == "body_outlines")
    np.testing.assert_allclose(body.transform.translation_mm, [70, 0, -40], atol=1e-6)
    assert any(start.name.endswith("_shifted") for start in starts)
