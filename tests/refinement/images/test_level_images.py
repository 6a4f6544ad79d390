"""The facts about a level that follow from its two images."""

from dataclasses import replace

import numpy as np
import pytest

from hepareg.refinement.images.sampled_features import sampled_features


def test_the_coarser_image_gives_the_voxel_size(oblique_problem):
    images = oblique_problem.images()
    # grids of 2.6 x 2.9 x 4.0 and 3.1 x 2.7 x 3.7 mm
    assert images.voxel_mm == pytest.approx((3.1 * 2.7 * 3.7) ** (1 / 3))
    assert replace(images, template=images.sampled, sampled=images.template).voxel_mm == pytest.approx(images.voxel_mm)


def test_only_deblurred_features_free_the_blur(oblique_problem):
    images = oblique_problem.images()
    assert not images.is_deblurred
    assert replace(images, features=sampled_features(images.sampled, deblur=0.5)).is_deblurred
    assert np.array_equal(images.centre_mm, images.cells.centre_mm)
