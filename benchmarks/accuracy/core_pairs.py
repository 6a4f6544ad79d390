"""The 24 named pairs of the core set: settings and seeds, nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from hepareg.simulation import AcquisitionSettings, ContrastPhase, MotionSettings, PairSettings, PhantomSettings

__all__ = ["CorePair", "core_pairs"]

PHANTOM = PhantomSettings(shape=(448, 352, 144), spacing_mm=(0.85, 0.85, 1.75))
LONG_SHAPE = (512, 512, 300)
"""The largest images that the accuracy is promised for."""
LONG_PHANTOM = PhantomSettings(shape=LONG_SHAPE, spacing_mm=(0.75, 0.75, 1.0))


@dataclass(frozen=True)
class CorePair:
    """One pair of the core set, or of another set of named pairs.

    Parameters
    ----------
    name
        Folder name, ``phantom_large``.
    difficulty
        What it tests.
    source
        ``phantom`` or ``real CT``.
    settings, seed
        What `hepareg.simulation.simulate_pair` needs.
    masks
        Whether a method is given the liver masks.
    body_stays
        Whether spine and body wall stay in place, so that aligning the body is wrong.
    """

    name: str
    difficulty: str
    source: str
    settings: PairSettings
    seed: int
    masks: bool = True
    body_stays: bool = True


@dataclass(frozen=True)
class _Difficulty:
    name: str
    motion: MotionSettings
    moving: AcquisitionSettings = field(default_factory=AcquisitionSettings)
    fixed: AcquisitionSettings = field(default_factory=AcquisitionSettings)
    moving_phase: ContrastPhase = ContrastPhase.LATE_ARTERIAL
    long_scan: bool = False
    shared_noise: bool = False
    masks: bool = True
    body_stays: bool = True


def _breath(low: float, high: float, *, turn: tuple[float, float] = (1.0, 4.0), bend: float = 0.0) -> MotionSettings:
    return MotionSettings(kind="breathing", translation_mm=(low, high), rotation_deg=turn, bend_mm=bend)


FOLLOW_UP = MotionSettings(
    kind="breathing", translation_mm=(6.0, 12.0), rotation_deg=(1.0, 4.0),
    body_translation_mm=(115.0, 115.0), body_rotation_deg=(18.0, 20.0),
)  # fmt: skip
IMPERFECT = AcquisitionSettings(mask_error_mm=3.0)

DIFFICULTIES = (
    _Difficulty("typical", _breath(8, 12)),
    _Difficulty("long_scan", _breath(10, 18), moving_phase=ContrastPhase.EARLY_ARTERIAL, long_scan=True),
    _Difficulty("large", _breath(28, 33, turn=(4.0, 8.0))),
    _Difficulty(
        "extreme", _breath(34, 35, turn=(9.0, 10.0)), AcquisitionSettings(oblique_deg=8.0, flips=(True, False, True))
    ),
    _Difficulty("thick_slices", _breath(14, 18), AcquisitionSettings(slice_thickness_mm=5.0)),
    _Difficulty("noise", _breath(11, 14), AcquisitionSettings(slice_thickness_mm=5.0, noise_hu=30.0)),
    _Difficulty("cut_liver", _breath(14, 18), AcquisitionSettings(cut_bottom=0.3)),
    _Difficulty("follow_up", FOLLOW_UP, body_stays=False),
    _Difficulty("bending_liver", _breath(14, 18, bend=3.0)),
    _Difficulty("imperfect_mask", _breath(14, 18), IMPERFECT, IMPERFECT),
    _Difficulty("no_mask", _breath(14, 18), masks=False),
    _Difficulty("shared_noise", _breath(14, 18), shared_noise=True),
)


def core_pairs(*, with_real_ct: bool) -> Iterator[CorePair]:
    """Return the set, the phantom's half alone where there is no real CT."""
    for number, difficulty in enumerate(DIFFICULTIES):
        yield _pair(difficulty, "phantom", seed=100 + number)
        if with_real_ct:
            yield _pair(difficulty, "real CT", seed=200 + number)


def _pair(difficulty: _Difficulty, source: str, *, seed: int) -> CorePair:
    settings = PairSettings(
        phantom=LONG_PHANTOM if difficulty.long_scan else PHANTOM,
        moving_phase=difficulty.moving_phase,
        motion=difficulty.motion,
        moving=_moving(difficulty.moving, source, long_scan=difficulty.long_scan),
        fixed=_long(difficulty.fixed) if difficulty.long_scan and source == "real CT" else difficulty.fixed,
        shared_noise=difficulty.shared_noise,
    )
    name = f"{source.split()[0].lower()}_{difficulty.name}"
    return CorePair(
        name, difficulty.name, source, settings, seed, masks=difficulty.masks, body_stays=difficulty.body_stays
    )


def _long(settings: AcquisitionSettings) -> AcquisitionSettings:
    """Return 512x512x300 voxels over the real CT, whose own slices are 2.5 mm apart."""
    return replace(settings, shape=LONG_SHAPE, spacing_mm=(0.7, 0.7, 1.1))


def _moving(settings: AcquisitionSettings, source: str, *, long_scan: bool) -> AcquisitionSettings:
    """Give the moving image a grid of its own; thick slices are as far apart as they are thick."""
    thick = settings.slice_thickness_mm
    if long_scan:
        return replace(settings, shape=LONG_SHAPE, spacing_mm=(0.74, 0.73, 1.05), offset_mm=4.0)
    if source == "phantom":
        shape, spacing = (400, 330, 120), (0.93, 0.91, 2.0)
    else:
        shape, spacing = (476, 476, 128), (0.74, 0.74, 2.5)
    if thick is not None:
        shape, spacing = (*shape[:2], round(shape[2] * spacing[2] / thick)), (*spacing[:2], thick)
    return replace(settings, shape=shape, spacing_mm=spacing, offset_mm=4.0)
