"""Contrast phases: HU of every tissue in every phase, and images made from an anatomy with them."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from hepareg.simulation.anatomy import Anatomy
from hepareg.simulation.labels import Label, lookup
from hepareg.volume import Phase

__all__ = ["ContrastPhase", "draw_phase", "render_phase"]


class ContrastPhase(Enum):
    """Time after the injection, finer than `hepareg.Phase`."""

    NATIVE = "native"
    EARLY_ARTERIAL = "early_arterial"
    LATE_ARTERIAL = "late_arterial"
    PORTAL_VENOUS = "portal_venous"
    DELAYED = "delayed"

    @property
    def phase(self) -> Phase:
        """The phase as the rest of hepareg names it."""
        return {
            ContrastPhase.NATIVE: Phase.NON_CONTRAST,
            ContrastPhase.PORTAL_VENOUS: Phase.PORTAL_VENOUS,
            ContrastPhase.DELAYED: Phase.DELAYED,
        }.get(self, Phase.ARTERIAL)


UNENHANCED_HU: dict[Label, tuple[float, float]] = {
    Label.OUTSIDE: (-1000, 0),
    Label.FAT: (-100, 6),
    Label.BONE: (420, 60),
    Label.MARROW: (170, 30),
    Label.LUNG: (-840, 25),
    Label.GALLBLADDER: (8, 5),
    Label.STOMACH: (25, 12),
    Label.BOWEL: (30, 8),
    Label.GAS: (-950, 10),
    Label.CYST: (6, 4),
    Label.CLIP: (2800, 200),
}
"""Mean and spread of what takes up no contrast worth mentioning."""

ENHANCED_HU: dict[Label, tuple[tuple[float, float], ...]] = {
    #                     native    early art.  late art.   portal     delayed
    Label.MUSCLE: ((52, 5), (54, 5), (58, 5), (66, 6), (64, 6)),
    Label.LIVER: ((57, 6), (60, 6), (74, 10), (108, 13), (90, 10)),
    Label.SPLEEN: ((48, 4), (100, 20), (128, 18), (122, 13), (95, 9)),
    Label.KIDNEY_CORTEX: ((32, 4), (140, 25), (190, 28), (178, 22), (150, 20)),
    Label.KIDNEY_MEDULLA: ((30, 4), (42, 8), (70, 15), (150, 22), (165, 22)),
    Label.HEART: ((42, 4), (220, 50), (170, 30), (140, 18), (105, 12)),
    Label.AORTA: ((42, 4), (340, 55), (290, 50), (155, 18), (112, 12)),
    Label.VENA_CAVA: ((40, 4), (55, 12), (95, 25), (130, 20), (110, 12)),
    Label.HEPATIC_ARTERY: ((42, 4), (280, 50), (245, 45), (145, 18), (108, 12)),
    Label.PORTAL_VEIN: ((41, 4), (52, 10), (125, 30), (168, 20), (115, 12)),
    Label.HEPATIC_VEIN: ((40, 4), (44, 5), (60, 12), (158, 22), (114, 12)),
    Label.TUMOUR: ((45, 6), (75, 15), (112, 18), (92, 14), (72, 10)),
}
"""Mean and spread (between patients) in the five phases."""


@dataclass(frozen=True)
class PhaseHU:
    """HU of every tissue of one patient in one phase.

    Parameters
    ----------
    phase
        Which phase.
    values
        Mean HU by label.
    """

    phase: ContrastPhase
    values: dict[Label, float]


def draw_phase(phase: ContrastPhase, *, rng: Generator) -> PhaseHU:
    """Draw one patient's HU in one phase: mean plus spread times a normal number, cut at two spreads."""
    column = list(ContrastPhase).index(phase)
    values = {}
    for label in Label:
        mean, spread = UNENHANCED_HU[label] if label in UNENHANCED_HU else ENHANCED_HU[label][column]
        values[label] = mean + spread * float(np.clip(rng.standard_normal(), -2, 2))
    return PhaseHU(phase, values)


def render_phase(
    anatomy: Anatomy, hu: PhaseHU, *, source: PhaseHU | None, rng: Generator, blur_mm: float = 0.7
) -> NDArray[np.float32]:
    """Return the anatomy's noise-free image in HU, float32 on its grid.

    A procedural anatomy takes its HU from the table. A real one keeps its denoised HU, changed in every
    labelled tissue by the difference of the tables of this phase and of the phase it was scanned in
    (``source``); grown vessels are filled in from the table.
    """
    if anatomy.ct_hu is None:
        image = lookup(hu.values)[anatomy.labels]
    else:
        image = anatomy.ct_hu.copy()
        if source is not None and source.phase is not hu.phase:
            _revalue(image, anatomy, hu, source)
    for layer in anatomy.layers:
        block = image[layer.block]
        block += (layer.filled / np.float32(255)) * (hu.values[layer.label] - block)
    if anatomy.ct_hu is None and blur_mm > 0:
        image = ndimage.gaussian_filter(image, blur_mm / anatomy.grid.spacing_mm, mode="nearest", truncate=2.5)
    return image


def _revalue(image: NDArray[np.float32], anatomy: Anatomy, hu: PhaseHU, source: PhaseHU) -> None:
    """Add to every labelled tissue what it gains from the source's phase to this one, with soft edges."""
    change = lookup({label: hu.values[label] - source.values[label] for label in ENHANCED_HU})
    where = ndimage.find_objects(change[anatomy.labels] != 0, max_label=1)[0]
    if where is None:
        return
    pad = 3
    block = tuple(slice(max(s.start - pad, 0), s.stop + pad) for s in where)
    gain = change[anatomy.labels[block]]
    image[block] += ndimage.gaussian_filter(gain, 1.0 / anatomy.grid.spacing_mm, mode="nearest", truncate=2.5)
