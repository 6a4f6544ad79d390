"""What radiologists know of the phases, measured in the images themselves."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from hepareg.simulation import (
    ContrastPhase,
    Label,
    LiverVesselSettings,
    MotionSettings,
    PairSettings,
    PhantomSettings,
    simulate_pair,
)
from hepareg.simulation.acquisition.scanner import AcquisitionSettings
from hepareg.simulation.anatomy.phantom import phantom_anatomy
from hepareg.simulation.contrast.phases import draw_phase, render_phase

PHANTOM = PhantomSettings(shape=(104, 84, 64), spacing_mm=(3.7, 3.7, 3.7), num_tumours=3, num_cysts=2, fat_fraction=0.0)
VESSELS = LiverVesselSettings(num_portal=60, num_hepatic=40)
QUIET = AcquisitionSettings(noise_hu=0.0)


@pytest.fixture(scope="module")
def anatomy():
    """One with tumours and cysts of some size."""
    return phantom_anatomy(PHANTOM, vessels=VESSELS, rng=np.random.default_rng([4, 0]))


@pytest.fixture(scope="module")
def images(anatomy):
    """HU by phase, without noise and motion."""
    phases = list(ContrastPhase)
    found = {}
    for moving, fixed in ((phases[0], phases[1]), (phases[2], phases[3]), (phases[4], phases[3])):
        settings = PairSettings(
            phantom=PHANTOM, vessels=VESSELS, moving_phase=moving, fixed_phase=fixed,
            motion=MotionSettings(kind="still"), moving=QUIET, fixed=QUIET,
        )  # fmt: skip
        pair = simulate_pair(settings=settings, seed=4, anatomy=anatomy)
        found |= {moving: pair.moving.data.astype(float), fixed: pair.fixed.data.astype(float)}
    return found


def core(anatomy, label):
    mask = anatomy.labels == label
    inner = ndimage.binary_erosion(mask)
    return inner if inner.sum() > 20 else mask


def test_cortex_comes_before_medulla(anatomy, images):
    cortex, medulla = (anatomy.labels == k for k in (Label.KIDNEY_CORTEX, Label.KIDNEY_MEDULLA))
    gap = {phase: np.median(hu[cortex]) - np.median(hu[medulla]) for phase, hu in images.items()}
    assert abs(gap[ContrastPhase.NATIVE]) < 15
    assert gap[ContrastPhase.LATE_ARTERIAL] > 60
    assert gap[ContrastPhase.PORTAL_VENOUS] < gap[ContrastPhase.LATE_ARTERIAL] / 2


def test_a_fatty_liver_is_darker_in_every_phase_and_nothing_else_is(anatomy):
    fatty = replace(anatomy, fat_fraction=0.3)
    for phase in ContrastPhase:
        hu = draw_phase(phase, rng=np.random.default_rng(1))
        lean, dark = (
            render_phase(a, hu, source=None, rng=np.random.default_rng(2), blur_mm=0.0) for a in (anatomy, fatty)
        )
        liver = anatomy.labels == Label.LIVER
        assert np.median(lean[liver] - dark[liver]) == pytest.approx(45, abs=1)
        assert np.array_equal(lean[anatomy.labels == Label.SPLEEN], dark[anatomy.labels == Label.SPLEEN])


def test_spleen_is_mottled_in_the_arterial_phase_alone(anatomy, images):
    spleen = core(anatomy, Label.SPLEEN)
    spread = {phase: hu[spleen].std() for phase, hu in images.items()}
    assert min(spread[ContrastPhase.EARLY_ARTERIAL], spread[ContrastPhase.LATE_ARTERIAL]) > 12
    assert max(spread[k] for k in (ContrastPhase.NATIVE, ContrastPhase.PORTAL_VENOUS, ContrastPhase.DELAYED)) < 5


def test_contrast_is_unmixed_in_the_cava(anatomy, images):
    cava, aorta = core(anatomy, Label.VENA_CAVA), core(anatomy, Label.AORTA)
    late = images[ContrastPhase.LATE_ARTERIAL]
    assert late[cava].std() > 15
    assert late[aorta].std() < 5
    assert images[ContrastPhase.NATIVE][cava].std() < 4


def test_tumours_wash_in_and_out_and_cysts_do_neither(anatomy, images):
    tumour, cyst = core(anatomy, Label.TUMOUR), core(anatomy, Label.CYST)
    assert tumour.any()
    assert cyst.any()
    liver = (anatomy.label_map() == Label.LIVER) & anatomy.liver
    over = {phase: np.median(hu[tumour]) - np.median(hu[liver]) for phase, hu in images.items()}
    assert over[ContrastPhase.LATE_ARTERIAL] > 8
    assert over[ContrastPhase.DELAYED] < -5
    assert over[ContrastPhase.PORTAL_VENOUS] < over[ContrastPhase.LATE_ARTERIAL] - 20
    # The darkest of a small cyst: the rest shares its voxels with the liver.
    assert np.ptp([hu[cyst].min() for hu in images.values()]) < 12


def test_vessels_are_dark_in_one_phase_and_bright_in_the_other(anatomy, images):
    filled = {layer.label: layer for layer in anatomy.layers[:3]}
    liver = (anatomy.label_map() == Label.LIVER) & anatomy.liver

    def over(phase, label):
        layer = filled[label]
        hu = images[phase]
        return np.median(hu[layer.block][layer.filled > 230]) - np.median(hu[liver])

    assert over(ContrastPhase.LATE_ARTERIAL, Label.HEPATIC_VEIN) < 0
    assert over(ContrastPhase.PORTAL_VENOUS, Label.HEPATIC_VEIN) > 20
    assert over(ContrastPhase.EARLY_ARTERIAL, Label.PORTAL_VEIN) < 15
    assert over(ContrastPhase.PORTAL_VENOUS, Label.PORTAL_VEIN) > 30
