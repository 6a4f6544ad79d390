"""The 1,000 low-resolution pairs of the stress set: every pose to 60 mm and 45 degrees, many kinds of trouble."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

from benchmarks.accuracy.stress_faults import FAULTS, Fault
from benchmarks.pairs import Case
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

__all__ = ["NUM_PAIRS", "PAIRS_PER_ANATOMY", "StressPair", "simulate_stress", "stress_pairs"]

NUM_PAIRS = 1000
PAIRS_PER_ANATOMY = 20
TRANSLATION_BANDS_MM = tuple((10.0 * n, 10.0 * (n + 1)) for n in range(6))
ROTATION_BANDS_DEG = tuple((9.0 * n, 9.0 * (n + 1)) for n in range(5))
PHANTOM = PhantomSettings(shape=(104, 84, 70), spacing_mm=(3.75, 3.75, 3.75))
VESSELS = LiverVesselSettings(num_portal=120, num_hepatic=90)
SEED = 50_000
MOVING = AcquisitionSettings(shape=(116, 100, 92), spacing_mm=(3.6, 3.6, 3.6), offset_mm=10.0, noise_hu=8.0)
FIXED = AcquisitionSettings(noise_hu=8.0)


@dataclass(frozen=True)
class Trouble:
    """A difficulty of a pair besides its pose.

    Parameters
    ----------
    share
        Weight with which the trouble is drawn.
    moving, fixed
        Settings of the two images.
    motion
        Settings that differ from those of a pair without trouble.
    early
        Early arterial instead of late arterial.
    masks
        Which masks are given, moving and fixed; ``one`` gives either.
    fault
        Fault that is put into images or masks afterwards, or None.
    """

    share: int
    moving: AcquisitionSettings = MOVING
    fixed: AcquisitionSettings = FIXED
    motion: dict[str, Any] = field(default_factory=dict)
    early: bool = False
    masks: str = "both"
    fault: Fault | None = None


BEYOND = {"body_translation_mm": (60.0, 120.0), "body_rotation_deg": (60.0, 150.0)}
NOISIEST = replace(MOVING, noise_hu=120.0, streaks_hu=60.0)
TROUBLES: dict[str, Trouble] = {
    "none": Trouble(6),
    "early_arterial": Trouble(2, early=True),
    "noise": Trouble(2, replace(MOVING, noise_hu=25.0)),
    "cut_liver": Trouble(2, replace(MOVING, cut_bottom=0.3)),
    "imperfect_mask": Trouble(2, replace(MOVING, mask_error_mm=3.0), replace(FIXED, mask_error_mm=3.0)),
    "thick_slices": Trouble(2, replace(MOVING, shape=(116, 100, 46), spacing_mm=(3.6, 3.6, 7.2))),
    "one_mask": Trouble(2, masks="one"),
    "no_mask": Trouble(2, masks="none"),
    "beyond_capture": Trouble(2, motion=BEYOND),
    "beyond_capture_no_mask": Trouble(1, motion=BEYOND, masks="none"),
    "sliver_of_liver": Trouble(2, replace(MOVING, cut_bottom=0.35, cut_top=0.45)),
    "photon_starvation": Trouble(3, NOISIEST, replace(FIXED, noise_hu=60.0, streaks_hu=30.0)),
    "streaks": Trouble(2, replace(MOVING, streaks_hu=50.0)),
    "strong_bending": Trouble(3, motion={"bend_mm": 8.0}),
    "wrong_patient": Trouble(3, fault=FAULTS["wrong_patient"]),
    "mirrored": Trouble(2, fault=FAULTS["mirrored"]),
    "empty_image": Trouble(1, fault=FAULTS["empty_image"]),
    "uniform_liver": Trouble(2, fault=FAULTS["uniform_liver"]),
    "mask_on_spleen": Trouble(2, fault=FAULTS["mask_on_spleen"]),
    "mask_shifted": Trouble(2, fault=FAULTS["mask_shifted"]),
    "one_mask_shifted": Trouble(1, masks="one", fault=FAULTS["mask_shifted"]),
}


@dataclass(frozen=True)
class StressPair:
    """One pair: its place in the capture range, and its trouble.

    Parameters
    ----------
    number
        0 to 999.
    translation_mm, rotation_deg
        Band of the body's pose; the liver breathes 0 to 15 mm within it besides. Not used if the
        trouble is a pose beyond the range.
    trouble
        Name in `TROUBLES`.
    """

    number: int
    translation_mm: tuple[float, float]
    rotation_deg: tuple[float, float]
    trouble: str

    @property
    def settings(self) -> PairSettings:
        """Settings for `simulate_pair`."""
        trouble = TROUBLES[self.trouble]
        motion = MotionSettings(
            translation_mm=(0.0, 15.0), rotation_deg=(0.0, 4.0),
            body_translation_mm=self.translation_mm, body_rotation_deg=self.rotation_deg,
        )  # fmt: skip
        return PairSettings(
            phantom=PHANTOM, vessels=VESSELS, motion=replace(motion, **trouble.motion),
            moving_phase=ContrastPhase.EARLY_ARTERIAL if trouble.early else ContrastPhase.LATE_ARTERIAL,
            moving=trouble.moving, fixed=trouble.fixed,
        )  # fmt: skip

    @property
    def masks(self) -> tuple[bool, bool]:
        """Whether the moving and the fixed mask are given."""
        given = {"both": (True, True), "none": (False, False), "one": (self.number % 2 == 0, self.number % 2 == 1)}
        return given[TROUBLES[self.trouble].masks]


def stress_pairs() -> Iterator[StressPair]:
    """Yield the set: all bands of the capture range in turn, troubles drawn with a fixed seed."""
    shares = np.array([trouble.share for trouble in TROUBLES.values()])
    troubles = np.random.default_rng(SEED).choice(list(TROUBLES), NUM_PAIRS, p=shares / shares.sum())
    cells = [(t, r) for r in ROTATION_BANDS_DEG for t in TRANSLATION_BANDS_MM]
    for n in range(NUM_PAIRS):
        yield StressPair(n, *cells[n % len(cells)], str(troubles[n]))


def simulate_stress(pairs: Sequence[StressPair]) -> Iterator[tuple[StressPair, Case, bool]]:
    """Simulate pairs that share an anatomy but not its contrast; yield pair, case and whether it has an answer."""
    anatomy: Anatomy | None = None

    @cache
    def stranger() -> SimulatedPair:
        return _simulated(first + NUM_PAIRS, pair.settings, None)

    for pair in pairs:
        first = pair.number - pair.number % PAIRS_PER_ANATOMY
        if anatomy is None:
            anatomy = _simulated(first, pair.settings, None).anatomy
        made = _simulated(pair.number, pair.settings, anatomy)
        fault = TROUBLES[pair.trouble].fault
        if fault is None:
            yield pair, Case.of(made), True
            continue
        rng = np.random.default_rng([SEED, pair.number])
        yield pair, fault.apply(Case.of(made), made, stranger, rng), fault.keeps_answer


def _simulated(number: int, settings: PairSettings, anatomy: Anatomy | None) -> SimulatedPair:
    return simulate_pair(settings=settings, seed=SEED + number, anatomy=anatomy)
