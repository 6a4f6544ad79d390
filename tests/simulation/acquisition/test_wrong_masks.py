"""Masks of something else cover what they say, on grids of any order of the axes."""

import numpy as np
import pytest

from hepareg.geometry import Grid
from hepareg.simulation.acquisition.wrong_masks import WRONG_MASKS
from hepareg.volume import Volume

GRIDS = {
    "ras": np.array([[4.0, 0, 0, -160], [0, 4.0, 0, -120], [0, 0, 4.0, 10], [0, 0, 0, 1]]),
    "lps": np.array([[-4.0, 0, 0, 160], [0, -4.0, 0, 120], [0, 0, 4.0, 10], [0, 0, 0, 1]]),
}


@pytest.fixture(scope="module", params=GRIDS)
def scan(request):
    """A trunk of fat with a spine, a liver on the right, and air around; and the liver's mask."""
    grid = Grid((81, 61, 60), GRIDS[request.param])
    points = grid.world_points(np.moveaxis(np.indices(grid.shape), 0, -1))
    trunk = (points[..., 0] / 150) ** 2 + (points[..., 1] / 110) ** 2 < 1
    liver = np.linalg.norm((points - [50, 10, 130]) / [60, 60, 70], axis=-1) < 1
    spine = np.linalg.norm(points[..., :2] - [0, -70], axis=-1) < 22
    hu = np.where(liver, 100, np.where(spine, 200, np.where(trunk, 40, -1000))).astype(np.int16)
    return points, Volume(hu, grid), Volume(liver.astype(np.uint8), grid)


def test_each_covers_what_it_says(scan):
    points, image, liver = scan
    inside, hu = liver.data > 0, image.data
    masks = {name: make(image, liver) for name, make in WRONG_MASKS.items()}
    assert all(mask.dtype == bool and mask.shape == image.shape for mask in masks.values())
    back = points[masks["back"]]
    assert abs(back[:, 0].mean()) < 5  # in the middle, behind, as high as the liver
    assert back[:, 1].max() < -30
    assert np.ptp(back[:, 2]) == pytest.approx(np.ptp(points[inside][:, 2]), abs=15)
    assert (hu[masks["back"]] == 200).mean() > 0.1
    assert (masks["soft_tissue"] != (hu > 0)).mean() < 0.01
    half = masks["half"]
    assert (half & ~inside).sum() == 0
    assert half.sum() == pytest.approx(inside.sum() / 2, rel=0.1)
    assert points[half][:, 0].min() >= points[inside][:, 0].mean() - 1e-6
    moved = points[masks["shifted"]].mean(0) - points[inside].mean(0)
    assert np.allclose(moved, [0, 0, -20], atol=1.0)
    assert np.allclose(points[masks["mirrored"]].mean(0), points[inside].mean(0) * [-1, 1, 1], atol=1.0)
    dilated = points[masks["dilated"]]
    assert (masks["dilated"] & inside).sum() == inside.sum()
    assert np.ptp(dilated, axis=0) == pytest.approx(np.ptp(points[inside], axis=0) + 20, abs=4.1)  # a voxel
