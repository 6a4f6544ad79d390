"""Contrast phases: draw one patient's HU in a phase, and render the image of an anatomy in that phase."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from hepareg.simulation.anatomy.anatomy import Anatomy
from hepareg.simulation.anatomy.labels import Label, lookup
from hepareg.simulation.contrast.contrast_table import ENHANCED_HU, HETEROGENEITY, UNENHANCED_HU
from hepareg.simulation.shapes import smooth_noise
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
        """The corresponding `hepareg.Phase`."""
        return {
            ContrastPhase.NATIVE: Phase.NON_CONTRAST,
            ContrastPhase.PORTAL_VENOUS: Phase.PORTAL_VENOUS,
            ContrastPhase.DELAYED: Phase.DELAYED,
        }.get(self, Phase.ARTERIAL)


COMMON_SHARE = 0.85
"""Correlation of a tissue's enhancement with the part that all tissues of a patient share (dose, weight, heart)."""

FAT_HU_PER_FRACTION = 150.0
"""Difference in HU between liver without fat and pure fat."""


@dataclass(frozen=True)
class PhaseHU:
    """HU of every tissue of one patient in one phase.

    Parameters
    ----------
    phase
        The phase.
    values
        Mean HU by label.
    """

    phase: ContrastPhase
    values: dict[Label, float]


def draw_phase(phase: ContrastPhase, *, rng: Generator) -> PhaseHU:
    """Draw one patient's HU in one phase: mean plus spread times a normal number, clipped to two spreads.

    All tissues that take up contrast medium share most of the normal number: a patient with bright veins has a bright
    liver, so that vessels do not vanish by chance.
    """
    column = list(ContrastPhase).index(phase)
    common = rng.standard_normal()
    values = {}
    for label in Label:
        own = rng.standard_normal()
        if label in UNENHANCED_HU:
            mean, spread = UNENHANCED_HU[label]
        else:
            mean, spread = ENHANCED_HU[label][column]
            own = COMMON_SHARE * common + np.sqrt(1 - COMMON_SHARE**2) * own
        values[label] = mean + spread * float(np.clip(own, -2, 2))
    return PhaseHU(phase, values)


def render_phase(
    anatomy: Anatomy, hu: PhaseHU, *, source: PhaseHU | None, rng: Generator, blur_mm: float = 0.7
) -> NDArray[np.float32]:
    """Return the anatomy's noise-free image in HU, float32 on its grid.

    A procedural anatomy has the HU and the irregularities of the table. A real anatomy keeps its denoised HU in its
    own phase; in another phase every labelled tissue is shifted so that its median is the HU of the table. Grown
    vessels have the HU of the table in both.

    Parameters
    ----------
    anatomy
        Tissues and vessels.
    hu
        HU of the tissues.
    source
        HU in the phase that a real anatomy was scanned in, or None.
    rng
        Source of the irregularities that come with the contrast medium.
    blur_mm
        Standard deviation of the blur of a procedural image.
    """
    if anatomy.ct_hu is None:
        liver = hu.values[Label.LIVER] - FAT_HU_PER_FRACTION * anatomy.fat_fraction
        image = lookup({**hu.values, Label.LIVER: liver})[anatomy.labels]
        _add_heterogeneity(image, anatomy, hu.phase, rng)
    else:
        image = anatomy.ct_hu.copy()
        if source is not None and source.phase is not hu.phase:
            _revalue(image, anatomy, hu)
    for layer in anatomy.layers:
        block = image[layer.block]
        block += (layer.filled / np.float32(255)) * (hu.values[layer.label] - block)
    if anatomy.ct_hu is None and blur_mm > 0:
        image = ndimage.gaussian_filter(image, blur_mm / anatomy.grid.spacing_mm, mode="nearest", truncate=2.5)
    return image


def _revalue(image: NDArray[np.float32], anatomy: Anatomy, hu: PhaseHU) -> None:
    """Shift every labelled tissue that takes up contrast medium so that its median is ``hu``, in place, soft-edged."""
    blocks = ndimage.find_objects(anatomy.labels)
    for label in ENHANCED_HU:
        block = blocks[label - 1] if label <= len(blocks) else None
        if block is None:
            continue
        pad = 4
        around = tuple(slice(max(s.start - pad, 0), s.stop + pad) for s in block)
        inside = anatomy.labels[around] == label
        gain = np.float32(hu.values[label] - np.median(image[around][inside]))
        share = ndimage.gaussian_filter(inside.astype(np.float32), 1.0 / anatomy.grid.spacing_mm, truncate=2.5)
        image[around] += gain * share


def _add_heterogeneity(image: NDArray[np.float32], anatomy: Anatomy, phase: ContrastPhase, rng: Generator) -> None:
    """Add the irregularities of `HETEROGENEITY` to a procedural image, in place."""
    column = list(ContrastPhase).index(phase)
    built_in = np.random.default_rng(anatomy.texture_seed)
    blocks = ndimage.find_objects(anatomy.labels)
    for label, (scale_mm, levels, is_built_in) in HETEROGENEITY.items():
        block = blocks[label - 1] if label <= len(blocks) else None
        if block is None:
            continue
        inside = anatomy.labels[block] == label
        noise = smooth_noise(
            inside.shape, scale_vox=scale_mm / anatomy.grid.spacing_mm / 2, rng=built_in if is_built_in else rng
        )
        noise *= inside
        noise *= np.float32(levels[column])
        image[block] += noise
