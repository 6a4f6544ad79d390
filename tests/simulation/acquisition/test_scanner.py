"""The grid of an image, its field of view, its padding, and where it gets noise and streaks."""

import itertools
import math

import numpy as np
import pytest

from hepareg.errors import SettingsError
from hepareg.geometry import Grid
from hepareg.simulation import AcquisitionSettings
from hepareg.simulation.acquisition.scanner import acquisition_grid, add_noise, finish
from hepareg.transforms import RigidTransform

ANATOMY = Grid((96, 90, 80), np.array([[4.0, 0, 0, -190], [0, 4, 0, -170], [0, 0, 4, -150], [0, 0, 0, 1]]))
LIVER_MM = np.stack(np.meshgrid(*[np.linspace(a, b, 12) for a, b in ((-20, 120), (-60, 60), (-50, 90))]), -1).reshape(
    -1, 3
)


def grid_of(settings, pose=None, seed=0):
    return acquisition_grid(
        settings, anatomy=ANATOMY, pose=pose or RigidTransform.identity(), liver_points=LIVER_MM,
        rng=np.random.default_rng(seed),
    )  # fmt: skip


def test_own_grid_and_spacing():
    grid = grid_of(AcquisitionSettings(shape=(100, 80, 44), spacing_mm=(3.0, 3.5, 5.0), offset_mm=6.0))
    assert grid.shape == (100, 80, 44)
    np.testing.assert_allclose(grid.spacing_mm, [3.0, 3.5, 5.0])
    assert 0 < np.abs(grid.centre_mm[:2] - ANATOMY.centre_mm[:2]).max() <= 6
    assert grid.contains(LIVER_MM).all()


@pytest.mark.parametrize("flips", list(itertools.product((False, True), repeat=3)))
def test_flipped_and_oblique_directions(flips):
    grid = grid_of(AcquisitionSettings(oblique_deg=12.0, flips=flips))
    directions = grid.world_from_voxel[:3, :3] / grid.spacing_mm
    np.testing.assert_allclose(directions.T @ directions, np.eye(3), atol=1e-12)
    assert np.sign(np.diag(directions)).tolist() == [-1.0 if flip else 1.0 for flip in flips]
    turn = directions * np.where(flips, -1.0, 1.0)
    assert math.degrees(math.acos((np.trace(turn) - 1) / 2)) == pytest.approx(12.0)
    assert np.sign(np.linalg.det(directions)) == (-1) ** sum(flips)  # left-handed where an odd number is flipped


@pytest.mark.parametrize("upside_down", [False, True])
@pytest.mark.parametrize(("top", "bottom"), [(0.3, 0.0), (0.0, 0.3), (0.2, 0.25)])
def test_field_of_view_is_cut_where_it_should_be(top, bottom, upside_down):
    grid = grid_of(AcquisitionSettings(cut_top=top, cut_bottom=bottom, flips=(False, False, upside_down)))
    z = LIVER_MM[:, 2]
    ends = sorted(grid.world_points([0, 0, k])[2] for k in (-0.5, grid.shape[2] - 0.5))
    height = z.max() - z.min()
    assert (ends[1] < z.max()) == (top > 0)
    assert (ends[0] > z.min()) == (bottom > 0)
    if top:
        assert (z.max() - ends[1]) / height == pytest.approx(top, abs=0.04)
    if bottom:
        assert (ends[0] - z.min()) / height == pytest.approx(bottom, abs=0.04)


@pytest.mark.parametrize("padding", [-1024, -2048])
def test_padding_outside_the_scanned_circle(padding):
    image = np.full((40, 50, 3), 33.0, dtype=np.float32)
    out = finish(image, AcquisitionSettings(padding_hu=padding))
    i, j = np.meshgrid(np.linspace(-1, 1, 40), np.linspace(-1, 1, 50), indexing="ij")
    outside = np.hypot(i, j) > 1
    assert outside.any()
    assert (out[outside] == padding).all()
    assert (out[~outside] == 33).all()
    assert (finish(image, AcquisitionSettings()) == 33).all()


def test_noise_and_streaks_are_weaker_where_less_is_attenuated():
    grid = Grid((60, 50, 4), np.diag([2.0, 2.0, 2.0, 1.0]))
    tissue, air = (np.full(grid.shape, hu, dtype=np.float32) for hu in (50.0, -1000.0))
    for image in (tissue, air):
        add_noise(image, grid, level_hu=10.0, settings=AcquisitionSettings(), rng=np.random.default_rng(0))
    assert tissue.std() == pytest.approx(10, rel=0.05)
    assert air.std() == pytest.approx(0.6 * tissue.std(), rel=1e-3)
    air[:] = -1000
    add_noise(air, grid, level_hu=0.0, settings=AcquisitionSettings(streaks_hu=20.0), rng=np.random.default_rng(0))
    assert (air == -1000).all()


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"shape": (4, 50, 50)}, "8 voxels"),
        ({"spacing_mm": (1.0, 1.0, 40.0)}, "20 mm"),
        ({"cut_top": 0.5, "cut_bottom": 0.4}, "in view"),
        ({"streaks_hu": -1.0}, "streaks_hu"),
        ({"noise_hu": 500.0}, "noise_hu"),
        ({"mask_error_mm": math.nan}, "mask_error_mm"),
    ],
)
def test_bad_settings(wrong, text):
    with pytest.raises(SettingsError, match=text):
        AcquisitionSettings(**wrong)
