"""The 1,000 low-resolution pairs of the stress set: every pose to 60 mm and 45 degrees, many kinds of trouble."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hepareg.simulation import (
    AcquisitionSettings,
    Anatomy,
    ContrastPhase,
    LiverVesselSettings,
    MotionSettings,
    PairSettings,
    PhantomSettings,
    SimulatedPair,
    simulate_pair,
)

__all__ = ["NUM_PAIRS", "ROTATION_BANDS_DEG", "TRANSLATION_BANDS_MM", "StressPair", "simulate_stress", "stress_pairs"]

NUM_PAIRS = 1000
PAIRS_PER_ANATOMY = 20
TRANSLATION_BANDS_MM = tuple((10.0 * n, 10.0 * (n + 1)) for n in range(6))
ROTATION_BANDS_DEG = tuple((9.0 * n, 9.0 * (n + 1)) for n in range(5))
PHANTOM = PhantomSettings(shape=(104, 84, 70), spacing_mm=(3.75, 3.75, 3.75))
SEED = 50_000


@dataclass(frozen=True)
class StressPair:
    """One pair: its place in the capture range, and what else is wrong with it.

    Parameters
    ----------
    number
        0 to 999.
    translation_mm, rotation_deg
        Band of the body's pose; the liver breathes 0 to 15 mm within it besides.
    trouble
        ``none``, ``noise``, ``cut_liver``, ``imperfect_mask``, ``thick_slices`` or ``early_arterial``.
    """

    number: int
    translation_mm: tuple[float, float]
    rotation_deg: tuple[float, float]
    trouble: str

    @property
    def settings(self) -> PairSettings:
        """What `simulate_pair` needs."""
        moving = {"shape": (116, 100, 92), "spacing_mm": (3.6, 3.6, 3.6), "offset_mm": 10.0, "noise_hu": 8.0}
        fixed = AcquisitionSettings(noise_hu=8.0)
        moving |= MOVING_TROUBLE.get(self.trouble, {})
        if self.trouble == "imperfect_mask":
            fixed = AcquisitionSettings(noise_hu=8.0, mask_error_mm=3.0)
        early = self.trouble == "early_arterial"
        return PairSettings(
            phantom=PHANTOM,
            vessels=LiverVesselSettings(num_portal=120, num_hepatic=90),
            moving_phase=ContrastPhase.EARLY_ARTERIAL if early else ContrastPhase.LATE_ARTERIAL,
            motion=MotionSettings(
                translation_mm=(0.0, 15.0), rotation_deg=(0.0, 4.0),
                body_translation_mm=self.translation_mm, body_rotation_deg=self.rotation_deg,
            ),
            moving=AcquisitionSettings(**moving),  # type: ignore[arg-type]
            fixed=fixed,
        )  # fmt: skip


MOVING_TROUBLE: dict[str, dict[str, object]] = {
    "noise": {"noise_hu": 25.0},
    "cut_liver": {"cut_bottom": 0.3},
    "imperfect_mask": {"mask_error_mm": 3.0},
    "thick_slices": {"shape": (116, 100, 46), "spacing_mm": (3.6, 3.6, 7.2)},
}
TROUBLES = ("none", "none", "none", "early_arterial", *MOVING_TROUBLE)


def stress_pairs(number: int = NUM_PAIRS) -> Iterator[StressPair]:
    """Return the first pairs of the set: all bands of the capture range in turn, troubles dealt out by a fixed seed."""
    troubles = np.random.default_rng(SEED).choice(TROUBLES, NUM_PAIRS)
    cells = [(t, r) for r in ROTATION_BANDS_DEG for t in TRANSLATION_BANDS_MM]
    for n in range(number):
        yield StressPair(n, *cells[n % len(cells)], str(troubles[n]))


def simulate_stress(pairs: Iterator[StressPair]) -> Iterator[tuple[StressPair, SimulatedPair]]:
    """Simulate the pairs; twenty in a row share an anatomy, but for its contrast."""
    anatomy: Anatomy | None = None
    for pair in pairs:
        if pair.number % PAIRS_PER_ANATOMY == 0:
            anatomy = None
        made = simulate_pair(settings=pair.settings, seed=SEED + pair.number, anatomy=anatomy)
        anatomy = made.anatomy
        yield pair, made
