"""The two images of a pair: each on its grid, in its phase, with its noise."""

import numpy as np
import pytest
from scipy import ndimage

from hepareg.geometry import Grid
from hepareg.simulation import AcquisitionSettings, ContrastPhase, MotionSettings
from hepareg.simulation.acquisition.faults import Scan
from hepareg.simulation.anatomy.anatomy import Anatomy
from hepareg.simulation.anatomy.labels import Label
from hepareg.simulation.motion.motion import draw_motion
from hepareg.simulation.organ_space import OrganSpace
from hepareg.simulation.pairs.imaging import Imaging
from hepareg.volume import Phase

GRID = Grid((48, 44, 40), np.array([[3.0, 0, 0, -70], [0, 3, 0, -60], [0, 0, 3, 10], [0, 0, 0, 1]]))
QUIET = AcquisitionSettings(noise_hu=0.0)


def anatomy(**real):
    i, j, k = np.indices(GRID.shape)
    liver = ((i - 24) / 15) ** 2 + ((j - 22) / 14) ** 2 + ((k - 20) / 13) ** 2 < 1
    body = ((i - 24) / 22) ** 2 + ((j - 22) / 20) ** 2 < 1
    labels = np.where(liver, Label.LIVER, np.where(body, Label.MUSCLE, Label.OUTSIDE)).astype(np.uint8)
    return Anatomy(GRID, labels, liver, ~body, (), (), **real)


def imaging_of(anatomy, *, shared_noise=False, **motion):
    space = OrganSpace(anatomy.liver, GRID)
    rng = np.random.default_rng(1)
    moved = draw_motion(MotionSettings(**motion), space=space, in_the_way=anatomy.fraction_static, rng=rng)
    rng = np.random.default_rng(2)
    return Imaging(anatomy, moved, space, source_phase=ContrastPhase.LATE_ARTERIAL, shared_noise=shared_noise, rng=rng)


def test_a_real_ct_in_its_own_phase_and_grid_is_unchanged():
    hu = np.random.default_rng(0).normal(60, 30, (2, *GRID.shape)).astype(np.float32)
    imaging = imaging_of(anatomy(ct_hu=hu[0], noise_hu=hu[1] / 4, noise_level_hu=7.5))
    image, mask = imaging.fixed(
        GRID, AcquisitionSettings(), ContrastPhase.LATE_ARTERIAL, rng=np.random.default_rng(3)
    )  # fmt: skip
    assert np.array_equal(image.data, np.rint(hu[0] + hu[1] / 4).astype(np.int16))
    assert np.array_equal(mask.data, imaging.anatomy.liver)
    assert image.phase is mask.phase is Phase.ARTERIAL


def test_phases_have_the_drawn_hu_and_masks_follow_the_truth():
    imaging = imaging_of(anatomy(), kind="random", translation_mm=(12, 12))
    for take, phase, name in (
        (imaging.fixed, ContrastPhase.PORTAL_VENOUS, "fixed_hu"),
        (imaging.moving, ContrastPhase.NATIVE, "moving_hu"),
    ):
        grid = Scan.faultless(GRID, imaging.motion) if name == "moving_hu" else GRID
        image, mask = take(grid, QUIET, phase, rng=np.random.default_rng(4))
        assert np.median(image.data[mask.data > 0]) == pytest.approx(imaging.drawn[name]["liver"], abs=3)
        expected = imaging.anatomy.grid.world_points(np.argwhere(imaging.anatomy.liver)).mean(axis=0)
        if name == "moving_hu":
            expected = imaging.motion.truth.apply(expected)
        assert np.abs(mask.centroid_mm - expected).max() < 0.3  # some 10,000 voxels of 3 mm


@pytest.mark.parametrize("shared", [False, True])
def test_noise_is_independent_unless_it_is_shared(shared):
    phase = ContrastPhase.PORTAL_VENOUS

    def images(noise_hu):
        imaging = imaging_of(anatomy(), shared_noise=shared and noise_hu is None, kind="still")
        settings, seeds = AcquisitionSettings(noise_hu=noise_hu), (5, 6)
        parts = (imaging.fixed, GRID), (imaging.moving, Scan.faultless(GRID, imaging.motion))
        rngs = map(np.random.default_rng, seeds)
        return [part(grid, settings, phase, rng=rng)[0].data for (part, grid), rng in zip(parts, rngs, strict=True)]

    inside = ndimage.binary_erosion(anatomy().liver, iterations=3)
    noise = [(noisy - clean)[inside] for noisy, clean in zip(images(None), images(0.0), strict=True)]
    assert all(part.std() == pytest.approx(12, rel=0.3) for part in noise)  # the phantom's own level
    assert (np.corrcoef(*noise)[0, 1] > 0.8) == shared
