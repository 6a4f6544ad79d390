"""The partner of a real CT has noise of its own, at the level that was measured, with a CT's correlation."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from hepareg.geometry import Grid
from hepareg.simulation import (
    AcquisitionSettings,
    ContrastPhase,
    Label,
    LiverVesselSettings,
    MotionSettings,
    PairSettings,
    PhantomSettings,
    prepare_patient,
    simulate_pair,
)
from hepareg.simulation.acquisition.noise import correlated_noise
from hepareg.volume import Volume

GRID = Grid((110, 100, 40), np.diag([1.4, 1.4, 2.5, 1.0]))
STILL = MotionSettings(kind="still")
VESSELS = LiverVesselSettings(num_portal=4, num_hepatic=4)


def scan(noise_hu):
    """A CT with a liver, vessels in it, and noise that is known."""
    i, j, k = np.indices(GRID.shape)
    liver = ((i - 58) / 36) ** 2 + ((j - 50) / 34) ** 2 + ((k - 20) / 17) ** 2 < 1
    body = ((i - 55) / 52) ** 2 + ((j - 50) / 47) ** 2 < 1
    vessels = liver & ((np.hypot(i - 58, k - 20) < 3) | (np.hypot(j - 50, k - 12) < 2))
    hu = np.where(vessels, 120, np.where(liver, 75, np.where(body, -95, -1000))).astype(np.float32)
    noise = noise_hu * correlated_noise(GRID.shape, GRID.spacing_mm, rng=np.random.default_rng(5))
    masks = {"liver": Volume(liver.astype(np.uint8), GRID)}
    return Volume(np.rint(hu + noise).astype(np.int16), GRID), masks, noise, liver & ~vessels


def far_from_edges(mask):
    """What the averages over 9 x 9 voxels about it see nothing else from."""
    return ndimage.binary_erosion(mask, np.ones((11, 11, 1), dtype=bool))


@pytest.mark.parametrize("noise_hu", [8.0, 20.0])
def test_partner_has_the_level_of_its_source_and_none_of_its_noise(noise_hu):
    ct, masks, noise, calm = scan(noise_hu)
    patient = prepare_patient(ct=ct, masks=masks)
    assert patient.noise_level_hu == pytest.approx(noise_hu, rel=0.12)
    settings = PairSettings(vessels=VESSELS, motion=STILL, fixed_phase=ContrastPhase.LATE_ARTERIAL)
    pair = simulate_pair(settings=settings, seed=1, patient=patient)
    calm = far_from_edges(calm & (pair.labels.data == Label.LIVER))
    left = pair.moving.data - ndimage.uniform_filter(pair.moving.data.astype(float), (9, 9, 1))
    source = noise - ndimage.uniform_filter(noise, (9, 9, 1))
    assert left[calm].std() == pytest.approx(source[calm].std(), rel=0.12)
    assert abs(np.corrcoef(left[calm], source[calm])[0, 1]) < 0.08
    # The fixed image on the CT's own grid keeps the CT's noise; with shared noise the partner does too.
    fixed = pair.fixed.data - ndimage.uniform_filter(pair.fixed.data.astype(float), (9, 9, 1))
    assert np.corrcoef(fixed[calm], source[calm])[0, 1] > 0.97
    flattering = simulate_pair(settings=replace(settings, shared_noise=True), seed=1, patient=patient)
    same = flattering.moving.data - ndimage.uniform_filter(flattering.moving.data.astype(float), (9, 9, 1))
    assert np.corrcoef(same[calm], source[calm])[0, 1] > 0.9


def test_partners_noise_is_correlated_like_its_sources():
    ct, masks, noise, calm = scan(15.0)
    pair = simulate_pair(
        settings=PairSettings(vessels=VESSELS, motion=STILL, fixed_phase=ContrastPhase.LATE_ARTERIAL), seed=2,
        patient=prepare_patient(ct=ct, masks=masks),
    )  # fmt: skip
    calm = far_from_edges(calm & (pair.labels.data == Label.LIVER))
    left = pair.moving.data - ndimage.uniform_filter(pair.moving.data.astype(float), (9, 9, 1))
    source = noise - ndimage.uniform_filter(noise, (9, 9, 1))
    for step, axis in ((1, 0), (1, 1), (2, 0), (1, 2)):
        both = calm & np.roll(calm, -step, axis)
        ours, theirs = (np.corrcoef(image[both], np.roll(image, -step, axis)[both])[0, 1] for image in (left, source))
        assert ours == pytest.approx(theirs, abs=0.08)


def test_a_phantoms_images_do_not_share_their_noise():
    phantom = PhantomSettings(shape=(62, 50, 40), spacing_mm=(6.0, 6.0, 6.0))
    noisy, clean = (
        simulate_pair(
            settings=PairSettings(
                phantom=phantom, vessels=VESSELS, motion=STILL, moving=AcquisitionSettings(noise_hu=hu),
                fixed=AcquisitionSettings(noise_hu=hu),
            ),
            seed=3,
        )
        for hu in (15.0, 0.0)
    )  # fmt: skip
    tissue = clean.fixed.data > -300
    moving, fixed = (
        (getattr(noisy, role).data - getattr(clean, role).data.astype(float))[tissue] for role in ("moving", "fixed")
    )
    assert moving.std() == pytest.approx(15, rel=0.05)
    assert fixed.std() == pytest.approx(15, rel=0.05)
    assert abs(np.corrcoef(moving, fixed)[0, 1]) < 0.02
