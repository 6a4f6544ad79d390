"""The 1,500 low-resolution pairs of the stress set.

Pairs 0 to 999 take every pose of the body to 60 mm and 45 degrees, with many kinds of trouble. Pairs 1000 to 1499 move
as phases of one examination do and have the kinds of `stress_kinds.KINDS`: livers that deform, faulty acquisitions and
masks of something else. Each pair is made from its number alone.

Limits of the verdict are set on one half of the set, ``limits``, and judged on the other, ``judged``. No anatomy is in
both halves. There is only one whole real liver: its pairs, the last 100, are all judged, and no limit has seen them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np

from benchmarks.accuracy.real_ct import coarse_real_patient
from benchmarks.accuracy.stress_faults import FAULTS, Fault
from benchmarks.accuracy.stress_kinds import KINDS
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
    simulate_anatomy,
    simulate_pair,
)

__all__ = [
    "NUM_PAIRS",
    "NUM_POSES",
    "PAIRS_PER_ANATOMY",
    "StressPair",
    "anatomies",
    "simulate_stress",
    "stress_pairs",
]

NUM_POSES, NUM_PAIRS = 1000, 1500
"""Number of the pairs that cover the capture range, and of all pairs."""
PAIRS_PER_ANATOMY, PAIRS_PER_KINDS_ANATOMY = 20, 10
"""Number of pairs that share an anatomy, among the first 1,000 pairs and among the others."""
FIRST_REAL = 1400
"""Pairs from this number on are made from the real CT."""
TRANSLATION_BANDS_MM = tuple((10.0 * n, 10.0 * (n + 1)) for n in range(6))
ROTATION_BANDS_DEG = tuple((9.0 * n, 9.0 * (n + 1)) for n in range(5))
PHANTOM = PhantomSettings(shape=(104, 84, 70), spacing_mm=(3.75, 3.75, 3.75))
VESSELS = LiverVesselSettings(num_portal=120, num_hepatic=90)
SEED, KINDS_SEED = 50_000, 70_000
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
        0 to 1499.
    translation_mm, rotation_deg
        Band of the body's pose; the liver breathes 0 to 15 mm within it besides. Not used if the
        trouble is a pose beyond the range.
    trouble
        Name in `TROUBLES` or in `KINDS`.
    amount
        Size of the trouble in the unit of its kind; 0 for those of `TROUBLES`.
    """

    number: int
    translation_mm: tuple[float, float]
    rotation_deg: tuple[float, float]
    trouble: str
    amount: float = 0.0

    @property
    def settings(self) -> PairSettings:
        """Settings for `simulate_pair`."""
        if self.trouble in KINDS:
            return KINDS[self.trouble].settings(self._plain(), self.amount)
        trouble = TROUBLES[self.trouble]
        settings = self._plain()
        return replace(
            settings, motion=replace(settings.motion, **trouble.motion), moving=trouble.moving, fixed=trouble.fixed,
            moving_phase=ContrastPhase.EARLY_ARTERIAL if trouble.early else ContrastPhase.LATE_ARTERIAL,
        )  # fmt: skip

    def _plain(self) -> PairSettings:
        """Return the settings without the trouble."""
        motion = MotionSettings(
            translation_mm=(0.0, 15.0), rotation_deg=(0.0, 4.0),
            body_translation_mm=self.translation_mm, body_rotation_deg=self.rotation_deg,
        )  # fmt: skip
        fixed = replace(MOVING, offset_mm=0.0) if self.is_real else FIXED
        return PairSettings(phantom=PHANTOM, vessels=VESSELS, motion=motion, moving=MOVING, fixed=fixed)

    @property
    def masks(self) -> tuple[bool, bool]:
        """Whether the moving and the fixed mask are given."""
        given = {"both": (True, True), "none": (False, False), "one": (self.number % 2 == 0, self.number % 2 == 1)}
        return given["both" if self.trouble in KINDS else TROUBLES[self.trouble].masks]

    @property
    def fault(self) -> Fault | None:
        """Fault that is put into the case after the simulation, or None."""
        return KINDS[self.trouble].fault if self.trouble in KINDS else TROUBLES[self.trouble].fault

    @property
    def is_real(self) -> bool:
        """Whether the pair is made from the real CT."""
        return self.number >= FIRST_REAL

    @property
    def anatomy(self) -> int:
        """Number of the first pair of the same anatomy."""
        count = PAIRS_PER_ANATOMY if self.number < NUM_POSES else PAIRS_PER_KINDS_ANATOMY
        return self.number - self.number % count

    @property
    def half(self) -> str:
        """``limits`` or ``judged``: every other anatomy of the first 1,000 pairs, of the others five in eight phantoms.

        The real liver is only judged, so that each half has 750 pairs.
        """
        if self.number < NUM_POSES:
            return ("limits", "judged")[self.number // PAIRS_PER_ANATOMY % 2]
        group = (self.number - NUM_POSES) // PAIRS_PER_KINDS_ANATOMY
        return "limits" if group % 8 < 5 and not self.is_real else "judged"


def stress_pairs() -> Iterator[StressPair]:
    """Yield the set: all bands of the capture range in turn with random troubles, then the kinds of `KINDS`."""
    shares = np.array([trouble.share for trouble in TROUBLES.values()])
    troubles = np.random.default_rng(SEED).choice(list(TROUBLES), NUM_POSES, p=shares / shares.sum())
    cells = [(t, r) for r in ROTATION_BANDS_DEG for t in TRANSLATION_BANDS_MM]
    for n in range(NUM_POSES):
        yield StressPair(n, *cells[n % len(cells)], str(troubles[n]))
    rng = np.random.default_rng(KINDS_SEED)
    deck: list[str] = []
    for n in range(NUM_POSES, NUM_PAIRS):
        deck = deck or [str(name) for name in rng.permutation(list(KINDS))]
        kind = deck.pop()
        yield StressPair(n, (0.0, 10.0), (0.0, 5.0), kind, float(rng.uniform(KINDS[kind].low, KINDS[kind].high)))


def anatomies(pairs: Iterable[StressPair]) -> list[list[StressPair]]:
    """Return the pairs in groups that share an anatomy, in the order of their numbers."""
    ordered = sorted(pairs, key=lambda pair: pair.number)
    return [list(group) for _, group in groupby(ordered, key=lambda pair: pair.anatomy)]


def simulate_stress(pairs: Sequence[StressPair]) -> Iterator[tuple[StressPair, Case, bool]]:
    """Simulate pairs that share an anatomy but not its contrast; yield pair, case and whether it has an answer."""
    if not pairs:
        return
    anatomy = _anatomy(pairs[0])

    @cache
    def stranger() -> SimulatedPair:
        return simulate_pair(settings=pair.settings, seed=SEED + pair.anatomy + NUM_POSES)

    for pair in pairs:
        made = simulate_pair(settings=pair.settings, seed=_seed(pair.number), anatomy=anatomy)
        if pair.fault is None:
            yield pair, Case.of(made), True
            continue
        rng = np.random.default_rng([SEED, pair.number])
        yield pair, pair.fault.apply(Case.of(made), made, stranger, rng), pair.fault.keeps_answer


def _anatomy(pair: StressPair) -> Anatomy:
    patient = coarse_real_patient() if pair.is_real else None
    if pair.is_real and patient is None:
        raise FileNotFoundError("expected the real CT, from which the last pairs are made; choose --numbers :1400")
    return simulate_anatomy(pair.settings, seed=_seed(pair.anatomy), patient=patient)


def _seed(number: int) -> int:
    return number + (SEED if number < NUM_POSES else KINDS_SEED)
