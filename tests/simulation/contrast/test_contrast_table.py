"""The HU table says what its sources say, and where a value has none."""

import re
from pathlib import Path

import pytest

from hepareg.simulation import ContrastPhase, Label
from hepareg.simulation.contrast.contrast_table import ASSUMED, ENHANCED_HU, HU_SOURCES, SOURCES, UNENHANCED_HU

NATIVE, EARLY, LATE, PORTAL, DELAYED = range(len(ContrastPhase))
PUBLISHED_OVER_NATIVE = {
    "a": {
        (Label.AORTA, LATE): (300, 336), (Label.SPLEEN, LATE): (97, 108), (Label.LIVER, LATE): (15, 25),
        (Label.PORTAL_VEIN, LATE): (75, 104), (Label.HEPATIC_VEIN, LATE): (24, 51), (Label.LIVER, PORTAL): (59, 63),
        (Label.AORTA, PORTAL): (117, 125), (Label.SPLEEN, PORTAL): (73, 82),
    },
    "b": {
        (Label.HEPATIC_ARTERY, EARLY): (240, 288), (Label.HEPATIC_ARTERY, LATE): (240, 288),
        (Label.KIDNEY_CORTEX, LATE): (195, 217), (Label.KIDNEY_MEDULLA, PORTAL): (145, 145),
    },
    "c": {(Label.AORTA, EARLY): (284, 309)},
}  # fmt: skip


@pytest.mark.parametrize("letter", PUBLISHED_OVER_NATIVE)
def test_means_lie_within_a_spread_of_what_was_published(letter):
    for (label, phase), (low, high) in PUBLISHED_OVER_NATIVE[letter].items():
        mean, spread = ENHANCED_HU[label][phase]
        native = ENHANCED_HU[label][NATIVE][0]
        assert low - spread <= mean - native <= high + spread, label
        assert HU_SOURCES[label][phase] == letter


def test_differences_that_were_published():
    cortex, medulla = ([mean for mean, _ in ENHANCED_HU[k]] for k in (Label.KIDNEY_CORTEX, Label.KIDNEY_MEDULLA))
    assert 110 <= cortex[EARLY] - medulla[EARLY] <= 140
    assert 110 <= cortex[LATE] - medulla[LATE] <= 140
    assert cortex[PORTAL] - medulla[PORTAL] < 30
    assert medulla[DELAYED] > cortex[DELAYED]
    liver, tumour = ([mean for mean, _ in ENHANCED_HU[k]] for k in (Label.LIVER, Label.TUMOUR))
    assert 23 <= tumour[LATE] - liver[LATE] <= 47
    assert tumour[PORTAL] < liver[PORTAL]
    assert liver[DELAYED] / tumour[DELAYED] == pytest.approx(1.21, abs=0.07)
    assert max(ENHANCED_HU[Label.MUSCLE])[0] == ENHANCED_HU[Label.MUSCLE][DELAYED][0]


def test_every_letter_is_a_source_and_every_source_is_used():
    used = set("".join(HU_SOURCES.values())) - {ASSUMED}
    assert used == set(SOURCES)
    for label, letters in HU_SOURCES.items():
        assert len(letters) == (len(ContrastPhase) if label in ENHANCED_HU else 1)
        assert label in ENHANCED_HU or label in UNENHANCED_HU
    for source in SOURCES.values():
        assert re.search(r"doi:10\.\d{4,}/\S+$|PubMed \d{8}$|20\d\d$|edition$", source.citation), source.citation


def test_the_documentation_shows_every_value_with_the_letter_of_its_source():
    page = (Path(__file__).parents[3] / "docs" / "realism.md").read_text()
    rows = {**ENHANCED_HU, **{label: (value,) for label, value in UNENHANCED_HU.items()}}
    for label, values in rows.items():
        letters = HU_SOURCES.get(label, ASSUMED * len(values))
        cells = [
            f"{mean:g} ± {spread:g}" + (f" ({letter})" if letter != ASSUMED else " assumed")
            for (mean, spread), letter in zip(values, letters, strict=True)
        ]
        assert f"| {label.name.lower().replace('_', ' ')} | " + " | ".join(cells) + " |" in page
    for letter, source in SOURCES.items():
        text, _, doi = source.citation.partition("doi:")
        cited = f"{text}[doi:{doi}](https://doi.org/{doi})" if doi else text
        assert f"| {letter} | {cited} | {source.says} |" in page
