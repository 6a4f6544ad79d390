import pytest

from hepareg.io.phase_guess import guess_phase
from hepareg.volume import Phase

TEXTS = {
    Phase.ARTERIAL: [
        "Abdomen arteriell 1.0",
        "ART",
        "Leber_art_1mm",
        "LATE ARTERIAL 2.0",
        "Liver 3ph HAP",
        "artérielle",
    ],
    Phase.PORTAL_VENOUS: ["PV 70s", "portal venous", "Abdomen VEN 5.0", "venös", "Portovenous", "PVP 1.25"],
    Phase.DELAYED: ["Delayed 3 min", "equilibrium", "Spät 5.0", "excretory"],
    Phase.NON_CONTRAST: ["nativ", "Non-Contrast", "W/O", "Abd NC 5mm", "without", "unenhanced", "native"],
    None: ["Abdomen 1.0 B30f", "", "Partial", "art + ven", "Ventral", "Carton", "Pvalue", "started"],
}


@pytest.mark.parametrize(("phase", "text"), [(phase, text) for phase, texts in TEXTS.items() for text in texts])
def test_words(phase, text):
    assert guess_phase(text) is phase


def test_the_first_telling_text_counts_then_the_delay():
    assert guess_phase("Abdomen", "arterial and portal", "ven") is Phase.PORTAL_VENOUS
    assert guess_phase("arterial", delay_s=70) is Phase.ARTERIAL
    delays = {
        -30: Phase.NON_CONTRAST,
        0: Phase.NON_CONTRAST,
        25: Phase.ARTERIAL,
        70: Phase.PORTAL_VENOUS,
        180: Phase.DELAYED,
    }
    assert {delay: guess_phase("", delay_s=delay) for delay in delays} == delays
    assert guess_phase("", delay_s=49) is guess_phase("", delay_s=9e4) is guess_phase("") is None
