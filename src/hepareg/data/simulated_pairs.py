"""Simulated pairs as a source of training data, each of another anatomy and with a known truth."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from monai.transforms import Transform

from hepareg.data.case_pair import CasePair, pack_pair, prepare_pair
from hepareg.data.prepared import PreparedPairs, digest
from hepareg.data.settings import DataSettings, SimulatedSettings
from hepareg.data.sources import Sources
from hepareg.networks.input_region import RegionSettings
from hepareg.simulation import (
    AcquisitionSettings,
    ContrastPhase,
    LiverVesselSettings,
    MotionSettings,
    PairSettings,
    PhantomSettings,
    simulate_pair,
)

__all__ = ["TEST", "TRAINING", "VALIDATION", "anatomy_seed", "simulated_pair", "simulated_sources"]

TRAINING, VALIDATION, TEST = 0, 1, 2
"""Families of anatomies; no anatomy is in two families."""

EXTENT_MM = (384.0, 304.0, 240.0)
"""Extent of the simulated part of the body along x, y, z."""

FORMAT = 1
"""Version of the simulated pairs; raise it when they change, so that older caches are not used."""


def anatomy_seed(seed: int, family: int, index: int) -> int:
    """Return the simulator's seed of an anatomy, different for every seed, family and index."""
    state = np.random.SeedSequence([seed, family, index]).generate_state(2, np.uint32)
    return int(state[0]) << 31 | int(state[1]) >> 1


def simulated_pair(settings: SimulatedSettings, *, seed: int, family: int, index: int) -> CasePair:
    """Return the simulated pair of an index, with its own anatomy, phases, motion, noise and mask errors."""
    number = anatomy_seed(seed, family, index)
    simulated = simulate_pair(settings=_pair_settings(settings, np.random.default_rng(number)), seed=number)
    return CasePair(
        case=f"simulated {index}",
        moving=simulated.moving,
        fixed=simulated.fixed,
        moving_mask=simulated.moving_liver,
        fixed_mask=simulated.fixed_liver,
        moving_from_fixed=simulated.truth,
    )


def simulated_sources(settings: DataSettings, *, seed: int, folder: Path) -> Sources:
    """Return training and validation pairs, cached below ``folder`` unless their number is endless."""
    simulated = settings.simulated
    validation = _cached(VALIDATION, simulated.num_validation, settings, seed, folder)
    if simulated.num_anatomies is None:
        return Sources(partial(_fresh, settings, seed), None, validation, simulated.num_validation)
    training = _cached(TRAINING, simulated.num_anatomies, settings, seed, folder)
    return Sources(training, simulated.num_anatomies, validation, simulated.num_validation)


class SimulatePaird(Transform):
    """MONAI transform from seed, family and index to the tensors of a prepared pair."""

    def __init__(self, settings: SimulatedSettings, *, region: RegionSettings, margin_mm: float) -> None:
        self.settings, self.region, self.margin_mm = settings, region, margin_mm

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return the packed pair."""
        pair = simulated_pair(self.settings, seed=item["seed"], family=item["family"], index=item["index"])
        return pack_pair(prepare_pair(pair, region=self.region, margin_mm=self.margin_mm))


def _fresh(settings: DataSettings, seed: int, index: int) -> CasePair:
    pair = simulated_pair(settings.simulated, seed=seed, family=TRAINING, index=index)
    return prepare_pair(pair, region=settings.region, margin_mm=settings.margin_mm)


def _cached(family: int, number: int, settings: DataSettings, seed: int, folder: Path) -> PreparedPairs:
    made_with = digest(
        FORMAT, settings.simulated.model_dump(exclude={"num_anatomies", "num_validation"}),
        settings.region.shape_vox, settings.region.spacing_mm, settings.margin_mm,
    )  # fmt: skip
    items = [
        {"case": f"simulated {index}", "seed": seed, "family": family, "index": index, "made_with": made_with}
        for index in range(number)
    ]
    transform = SimulatePaird(settings.simulated, region=settings.region, margin_mm=settings.margin_mm)
    return PreparedPairs(items, transform=transform, folder=folder)


def _pair_settings(settings: SimulatedSettings, rng: np.random.Generator) -> PairSettings:
    spacing, vessels = settings.spacing_mm, LiverVesselSettings()
    arterial = (ContrastPhase.EARLY_ARTERIAL, ContrastPhase.LATE_ARTERIAL)[rng.integers(2)]
    acquisition = [
        AcquisitionSettings(
            noise_hu=float(rng.uniform(2, 12)), mask_error_mm=float(rng.uniform(0, settings.mask_error_mm))
        )
        for _ in range(2)
    ]
    return PairSettings(
        phantom=PhantomSettings(
            shape=tuple(math.ceil(extent / spacing) for extent in EXTENT_MM),  # type: ignore[arg-type]
            spacing_mm=(spacing, spacing, spacing),
            fat_fraction=0.25,
        ),
        vessels=LiverVesselSettings(
            num_portal=round(settings.vessel_density * vessels.num_portal),
            num_hepatic=round(settings.vessel_density * vessels.num_hepatic),
        ),
        moving_phase=arterial,
        motion=MotionSettings(
            kind=str(rng.choice(["breathing", "breathing", "random"])),
            translation_mm=(0.0, settings.max_translation_mm),
            rotation_deg=(0.0, settings.max_rotation_deg),
        ),
        moving=acquisition[0],
        fixed=acquisition[1],
    )
