import numpy as np
import torch

from hepareg import Grid, RigidTransform, Volume
from hepareg.pair import ImagePair
from hepareg.registration.problem import ProblemSettings, build_problem
from hepareg.registration.starts import StartSettings, find_starts


def ball(shape=(40, 40, 60), centre=(20, 20, 30), radius=12, matrix=None):
    away = np.linalg.norm(np.indices(shape) - np.reshape(centre, (3, 1, 1, 1)), axis=0)
    return Volume(away <= radius, Grid(shape, np.eye(4) if matrix is None else matrix))


def image_of(mask):
    return mask.with_data(np.where(mask.data, 60, -1000).astype(np.int16))


def starts_of(moving, fixed, moving_mask, fixed_mask, *, given=None):
    images = ImagePair(moving, fixed, moving_mask, fixed_mask)
    problem = build_problem(images, device=torch.device("cpu"), settings=ProblemSettings())
    return find_starts(problem, given=given, settings=StartSettings())


def test_a_cut_mask_starts_from_the_common_end_as_well():
    whole, cut = ball(), ball()
    cut = cut.crop((0, 0, 28), (40, 40, 60))  # the lower end is gone, nothing has moved
    starts = starts_of(image_of(cut), image_of(whole), cut, whole)
    named = {start.name: start.transform for start in starts}
    assert abs(named["mask_centroids"].translation_mm[2]) > 2.5
    np.testing.assert_allclose(named["liver_tops"].translation_mm, 0, atol=0.5)
    assert starts[0].name == "liver_tops"
    assert "liver_bottoms" not in named


def test_the_users_start_comes_first():
    given = RigidTransform.from_vectors((0.1, 0, 0), (5.0, 0, 0))
    mask = ball()
    starts = starts_of(image_of(mask), image_of(mask), mask, mask, given=given)
    assert starts[0].name == "user"
    assert starts[0].transform is given
    assert {"mask_centroids", "identity", "turned"} <= {start.name for start in starts}


def test_without_masks_the_bodies_outlines_count():
    fixed = image_of(ball())
    moving = Volume(
        fixed.data, Grid(fixed.shape, np.array([[1.0, 0, 0, 70], [0, 1, 0, 0], [0, 0, 1, -40], [0, 0, 0, 1]]))
    )
    starts = starts_of(moving, fixed, None, None)
    body = next(start for start in starts if start.name == "body_outlines")
    np.testing.assert_allclose(body.transform.translation_mm, [70, 0, -40], atol=1e-6)
    assert any(start.name.endswith("_shifted") for start in starts)


def test_the_users_start_is_inverted_with_the_images():
    """With the moving mask alone, the moving image is the reference."""
    given = RigidTransform.from_vectors((0.1, 0, 0), (5.0, 0, 0))
    mask = ball()
    starts = starts_of(image_of(mask), image_of(mask), mask, None, given=given)
    np.testing.assert_allclose(starts[0].transform.matrix, given.inverse().matrix, atol=1e-12)
