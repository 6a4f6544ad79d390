"""Settings and seeds of the named pairs: the core set, deforming livers, images on one grid, images on parallel grids.

In the core set the images have different grids. On one grid, as two phases from one scanner have it, and with little
rotation of the liver, all samples lie at nearly the same place between voxels, so that interpolation errors do not
average out; some of these pairs have slices of 5 mm in both images. On parallel grids the voxels of both images have
one size along the same axes; `hepareg.registration.evidence.EvidenceSettings.pull_vox` was read off such pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from hepareg.simulation import (
    AcquisitionSettings,
    ContrastPhase,
    FaultSettings,
    MotionSettings,
    PairSettings,
    PhantomSettings,
)

__all__ = ["SETS", "CorePair", "bending_pairs", "core_pairs", "parallel_pairs", "same_grid_pairs"]

PHANTOM = PhantomSettings(shape=(448, 352, 144), spacing_mm=(0.85, 0.85, 1.75))
LONG_SHAPE = (512, 512, 300)
"""Shape of the largest images for which the accuracy is promised."""
LONG_REAL = AcquisitionSettings(shape=LONG_SHAPE, spacing_mm=(0.7, 0.7, 1.1))
"""A grid over the real CT, whose own slices are 2.5 mm apart."""
LONG_PHANTOM = PhantomSettings(shape=LONG_SHAPE, spacing_mm=(0.75, 0.75, 1.0))


@dataclass(frozen=True)
class CorePair:
    """One pair of the core set, or of another set of named pairs.

    Parameters
    ----------
    name
        Folder name, ``phantom_large``.
    difficulty
        Property that the pair tests.
    source
        ``phantom`` or ``real CT``.
    settings, seed
        Arguments of `hepareg.simulation.simulate_pair`.
    masks
        Whether a method is given the liver masks.
    """

    name: str
    difficulty: str
    source: str
    settings: PairSettings
    seed: int
    masks: bool = True


def _breath(low: float, high: float, *, turn: tuple[float, float] = (1.0, 4.0), bend: float = 0.0) -> MotionSettings:
    return MotionSettings(kind="breathing", translation_mm=(low, high), rotation_deg=turn, bend_mm=bend)


def _bend(deformation: str, amount_mm: float) -> PairSettings:
    motion = replace(_breath(8, 16), deformation=deformation, bend_mm=amount_mm)
    return PairSettings(motion=motion)


FOLLOW_UP = MotionSettings(
    kind="breathing", translation_mm=(6.0, 12.0), rotation_deg=(1.0, 4.0),
    body_translation_mm=(115.0, 115.0), body_rotation_deg=(18.0, 20.0),
)  # fmt: skip
IMPERFECT = AcquisitionSettings(mask_error_mm=3.0)

DIFFICULTIES = {
    "typical": PairSettings(motion=_breath(8, 12)),
    "long_scan": PairSettings(motion=_breath(10, 18), moving_phase=ContrastPhase.EARLY_ARTERIAL),
    "large": PairSettings(motion=_breath(28, 33, turn=(4.0, 8.0))),
    "extreme": PairSettings(
        motion=_breath(34, 35, turn=(9.0, 10.0)), moving=AcquisitionSettings(oblique_deg=8.0, flips=(True, False, True))
    ),
    "thick_slices": PairSettings(motion=_breath(14, 18), moving=AcquisitionSettings(slice_thickness_mm=5.0)),
    "noise": PairSettings(motion=_breath(11, 14), moving=AcquisitionSettings(slice_thickness_mm=5.0, noise_hu=30.0)),
    "cut_liver": PairSettings(motion=_breath(14, 18), moving=AcquisitionSettings(cut_bottom=0.3)),
    "follow_up": PairSettings(motion=FOLLOW_UP),
    "bending_liver": PairSettings(motion=_breath(14, 18, bend=3.0)),
    "imperfect_mask": PairSettings(motion=_breath(14, 18), moving=IMPERFECT, fixed=IMPERFECT),
    "no_mask": PairSettings(motion=_breath(14, 18)),
    "shared_noise": PairSettings(motion=_breath(14, 18), shared_noise=True),
}
"""Settings of each difficulty; the anatomy and the grid of the moving image are set with the source of the pair."""


def core_pairs(*, with_real_ct: bool) -> Iterator[CorePair]:
    """Yield the pairs of the set; without a real CT only those made from phantoms."""
    for number, difficulty in enumerate(DIFFICULTIES):
        yield _pair(difficulty, "phantom", seed=100 + number)
        if with_real_ct:
            yield _pair(difficulty, "real CT", seed=200 + number)


def _pair(difficulty: str, source: str, *, seed: int) -> CorePair:
    return _placed(difficulty, DIFFICULTIES[difficulty], source, seed=seed)


def _placed(difficulty: str, settings: PairSettings, source: str, *, seed: int) -> CorePair:
    """Return the pair with the anatomy and the grids of its source."""
    long_scan = difficulty == "long_scan"
    settings = replace(
        settings,
        phantom=LONG_PHANTOM if long_scan else PHANTOM,
        moving=_moving(settings.moving, source, long_scan=long_scan),
        fixed=LONG_REAL if long_scan and source == "real CT" else settings.fixed,
    )
    name = f"{source.split()[0].lower()}_{difficulty}"
    return CorePair(name, difficulty, source, settings, seed, masks=difficulty != "no_mask")


def _moving(settings: AcquisitionSettings, source: str, *, long_scan: bool) -> AcquisitionSettings:
    """Return settings with a grid that only the moving image has; slices are as far apart as they are thick."""
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


BENDING = {
    "smooth_small": _bend("smooth", 1.0),
    "smooth_large": _bend("smooth", 3.0),
    "hinge_small": _bend("hinge", 6.0),
    "hinge_large": _bend("hinge", 16.0),
    "lobe": _bend("lobe", 8.0),
    "lobe_turn": _bend("lobe_turn", 10.0),
    "tip": _bend("tip", 12.0),
    "dome": _bend("dome", 8.0),
    "squeeze": _bend("squeeze", 10.0),
    "compression": _bend("compression", 5.0),
    "ascites": _bend("ascites", 10.0),
    "drift": PairSettings(motion=_breath(8, 16), fault=FaultSettings("drift", 6.0)),
}
"""Settings of the pairs whose liver deforms, or moves while it is scanned; grids as in the core set."""


def bending_pairs(*, with_real_ct: bool) -> Iterator[CorePair]:
    """Yield the pairs of deforming livers; without a real CT only those made from phantoms."""
    for number, (difficulty, settings) in enumerate(BENDING.items()):
        yield _placed(difficulty, settings, "phantom", seed=500 + number)
        if with_real_ct:
            yield _placed(difficulty, settings, "real CT", seed=600 + number)


SLICES_5MM = AcquisitionSettings(spacing_mm=(0.75, 0.75, 5.0))
SAME_GRID = (
    ("still", (0.0, 0.2), AcquisitionSettings()),
    ("turned", (1.0, 2.0), AcquisitionSettings()),
    ("5mm", (0.5, 1.5), SLICES_5MM),
)
"""Name, rotation of the liver in degrees, and grid: that of the anatomy (slices of 1.75 or 2.5 mm), or 5 mm slices."""
SAME_GRID_SEEDS = {"phantom": 300, "real CT": 400}


def same_grid_pairs(*, with_real_ct: bool) -> Iterator[CorePair]:
    """Yield the pairs that share one grid; without a real CT only those made from phantoms."""
    for source in ("phantom", "real CT") if with_real_ct else ("phantom",):
        for kind, (name, turn_deg, grid) in enumerate(SAME_GRID):
            motion = MotionSettings(kind="breathing", translation_mm=(8.0, 12.0), rotation_deg=turn_deg)
            settings = PairSettings(phantom=PHANTOM, motion=motion, moving=grid, fixed=grid)
            for number in range(2):
                folder = f"{source.split()[0].lower()}_same_grid_{name}_{number}"
                seed = SAME_GRID_SEEDS[source] + 10 * kind + number
                yield CorePair(folder, f"same_grid_{name}", source, settings, seed)


PARALLEL_GRIDS = (
    ((1.1, 1.1, 2.5), (320, 320, 90)),
    ((1.5, 1.5, 1.5), (240, 240, 150)),
    ((0.9, 0.9, 5.0), (400, 400, 45)),
)
PARALLEL_MOTIONS = ((0.0, 0.0), (5.0, 0.0), (5.0, 0.5), (8.0, 2.0))
"""Displacement of the liver in mm, and its rotation in degrees."""
PARALLEL_SEEDS = (1, 2)


def parallel_pairs(*, with_real_ct: bool = False) -> Iterator[CorePair]:
    """Yield a pair for each grid, seed and motion, all of them made from phantoms."""
    combinations = product(enumerate(PARALLEL_GRIDS), PARALLEL_SEEDS, enumerate(PARALLEL_MOTIONS))
    for (number, (spacing_mm, shape)), seed, (kind, (shift_mm, turn_deg)) in combinations:
        grid = AcquisitionSettings(shape=shape, spacing_mm=spacing_mm)
        motion = MotionSettings(translation_mm=(shift_mm, shift_mm), rotation_deg=(turn_deg, turn_deg))
        voxel = " x ".join(map(str, spacing_mm))
        difficulty = f"{voxel} mm, moved {shift_mm:g} mm, turned {turn_deg:g} deg"
        settings = PairSettings(motion=motion, fixed=grid, moving=grid)
        yield CorePair(f"parallel_{number}_{seed}_{kind}", difficulty, "phantom", settings, seed)


SETS = {
    "core": core_pairs,
    "core_bending": bending_pairs,
    "same_grid": same_grid_pairs,
    "parallel_grids": parallel_pairs,
}
