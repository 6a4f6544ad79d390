"""Matched blur gives both images one point spread."""

import numpy as np
import pytest
import torch

from hepareg.geometry import Grid
from hepareg.geometry.rotations import rotation_from_vector
from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.blur import INTERPOLATION, VOXEL, match_blur


def impulse(spacing_mm):
    data = torch.zeros(21, 21, 21)
    data[10, 10, 10] = 1.0
    return GridImage(data, Grid((21, 21, 21), np.diag([*spacing_mm, 1.0])))


def variance_mm2(data, spacing_mm):
    found = []
    for axis, spacing in enumerate(spacing_mm):
        profile = data.sum(dim=[a for a in range(3) if a != axis]).double().numpy()
        position = spacing * np.arange(len(profile))
        found.append(profile @ position**2 - (profile @ position) ** 2)
    return np.array(found)


@pytest.mark.parametrize("interpolated", [1.0, 0.5, 0.0])
@pytest.mark.parametrize(("template", "sampled"), [((1.5, 1.5, 5.0), (1.5, 1.5, 1.5)), ((1.0, 1.2, 1.0), (1, 1, 4.0))])
def test_variances_agree_after_the_blur(template, sampled, interpolated):
    t, s = match_blur(
        impulse(template), impulse(sampled), sampled_from_template=np.eye(3), interpolation_share=interpolated
    )
    assert torch.isclose(t.sum(), torch.tensor(1.0))
    of_template = variance_mm2(t, template) + VOXEL * np.square(template)
    of_sampled = variance_mm2(s, sampled) + (VOXEL + INTERPOLATION * interpolated) * np.square(sampled)
    # shares of a voxel's variance below 1e-2 are not worth a pass
    assert np.abs(of_template - of_sampled).max() < 0.011 * max(np.square(template + sampled))


def test_interpolation_blurs_by_the_average_of_all_places():
    fractions = (np.arange(1000) + 0.5) / 1000
    assert (fractions * (1 - fractions)).mean() == pytest.approx(INTERPOLATION, rel=1e-3)


def test_a_turned_image_is_blurred_along_the_axis_that_lacks():
    quarter = rotation_from_vector([np.pi / 2, 0, 0])  # the template's k lies along the sampled image's j
    _, s = match_blur(impulse((1, 1, 5)), impulse((1, 1, 1)), sampled_from_template=quarter, interpolation_share=1.0)
    blur = variance_mm2(s, (1, 1, 1))
    assert blur[1] > 1.5
    assert blur[0] < 0.01
    assert blur[2] < 0.01
