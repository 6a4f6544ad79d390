"""Contrast phases do what physiology says."""

import numpy as np
import pytest

from hepareg.simulation import ContrastPhase, Label
from hepareg.simulation.contrast.contrast_table import ENHANCED_HU, UNENHANCED_HU
from hepareg.simulation.contrast.phases import draw_phase
from hepareg.volume import Phase

MANY = 200


def mean_hu(phase):
    drawn = [draw_phase(phase, rng=np.random.default_rng(seed)).values for seed in range(MANY)]
    return {label: np.mean([values[label] for values in drawn]) for label in Label}


def test_every_tissue_has_a_value_in_every_phase():
    assert set(UNENHANCED_HU) | set(ENHANCED_HU) == set(Label)
    assert all(len(columns) == len(ContrastPhase) for columns in ENHANCED_HU.values())


def test_order_of_enhancement():
    early, late, portal = (
        mean_hu(p) for p in (ContrastPhase.EARLY_ARTERIAL, ContrastPhase.LATE_ARTERIAL, ContrastPhase.PORTAL_VENOUS)
    )
    assert early[Label.AORTA] > late[Label.AORTA] > portal[Label.AORTA]
    assert late[Label.KIDNEY_CORTEX] - late[Label.KIDNEY_MEDULLA] > 60  # the cortex comes first
    assert abs(portal[Label.KIDNEY_CORTEX] - portal[Label.KIDNEY_MEDULLA]) < 50
    assert early[Label.HEPATIC_VEIN] < early[Label.LIVER]  # veins dark in the arterial phase ...
    assert portal[Label.HEPATIC_VEIN] > portal[Label.LIVER] + 30  # ... and bright in the portal one
    assert late[Label.TUMOUR] > late[Label.LIVER]  # wash-in
    assert portal[Label.TUMOUR] < portal[Label.LIVER]  # wash-out


def test_bright_veins_come_with_a_bright_liver():
    drawn = [draw_phase(ContrastPhase.PORTAL_VENOUS, rng=np.random.default_rng(s)).values for s in range(MANY)]
    assert np.corrcoef([[v[Label.LIVER], v[Label.PORTAL_VEIN]] for v in drawn], rowvar=False)[0, 1] > 0.5


@pytest.mark.parametrize("phase", ContrastPhase)
def test_phase_of_the_volume(phase):
    assert isinstance(phase.phase, Phase)
    assert (phase.phase is Phase.ARTERIAL) == ("arterial" in phase.value)
