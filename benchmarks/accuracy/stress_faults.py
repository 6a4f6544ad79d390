"""Faults of a pair that no setting of the simulation makes: another patient, a mirror image, a false mask."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from benchmarks.pairs import Case
from hepareg.simulation import Label, SimulatedPair
from hepareg.simulation.acquisition.wrong_masks import WRONG_MASKS
from hepareg.transforms.resample import resample
from hepareg.volume import Volume

__all__ = ["FAULTS", "Fault", "wrong_mask"]

Stranger = Callable[[], SimulatedPair]

SHIFT_MM = 40.0
AIR_HU = -1000
UNIFORM_HU = 100
NOISE_HU = 8.0


@dataclass(frozen=True)
class Fault:
    """A change of a case that makes it faulty.

    Parameters
    ----------
    apply
        Return the changed case, given the case, its pair, a function that simulates another patient, and a generator.
    keeps_answer
        Whether the truth of the pair still holds; if not, every accepted result is false.
    """

    apply: Callable[[Case, SimulatedPair, Stranger, Generator], Case]
    keeps_answer: bool = True


def _wrong_patient(case: Case, made: SimulatedPair, stranger: Stranger, rng: Generator) -> Case:
    """Replace the moving image and its mask by those of another patient."""
    return replace(case, moving=stranger().moving, moving_liver=stranger().moving_liver)


def _mirrored(case: Case, made: SimulatedPair, stranger: Stranger, rng: Generator) -> Case:
    """Swap left and right of the moving array and leave its header unchanged."""
    return replace(case, moving=_flipped(case.moving), moving_liver=_flipped(case.moving_liver))


def _flipped(volume: Volume) -> Volume:
    return volume.with_data(np.ascontiguousarray(volume.data[::-1]))


def _empty_image(case: Case, made: SimulatedPair, stranger: Stranger, rng: Generator) -> Case:
    """Replace the moving image by air and noise."""
    noise = AIR_HU + NOISE_HU * rng.standard_normal(case.moving.shape)
    return replace(case, moving=case.moving.with_data(noise.astype(np.int16)))


def _uniform_liver(case: Case, made: SimulatedPair, stranger: Stranger, rng: Generator) -> Case:
    """Fill both livers with noise about one value, so that the outline remains and the vessels vanish."""
    moving = _filled(case.moving, case.moving_liver, rng)
    return replace(case, moving=moving, fixed=_filled(case.fixed, case.fixed_liver, rng))


def _filled(image: Volume, liver: Volume, rng: Generator) -> Volume:
    noise = UNIFORM_HU + NOISE_HU * rng.standard_normal(image.shape)
    return image.with_data(np.where(liver.data > 0, noise, image.data).astype(np.int16))


def _mask_on_spleen(case: Case, made: SimulatedPair, stranger: Stranger, rng: Generator) -> Case:
    """Give a mask of the spleen as the liver's in both images; the spleen moves with the body, not with the liver."""
    spleen = made.labels.with_data((made.labels.data == Label.SPLEEN).astype(np.float32))
    back = made.motion.body.inverse()
    moved = resample(spleen, case.moving.grid, moving_from_fixed=back, padding=0.0).data > 0.5
    moving_liver = case.moving_liver.with_data(moved.astype(np.uint8))
    return replace(
        case, moving_liver=moving_liver, fixed_liver=case.fixed_liver.with_data(spleen.data.astype(np.uint8))
    )


def _mask_shifted(case: Case, made: SimulatedPair, stranger: Stranger, rng: Generator) -> Case:
    """Shift each mask by 40 mm in a random direction of its own."""
    return replace(case, moving_liver=_shifted(case.moving_liver, rng), fixed_liver=_shifted(case.fixed_liver, rng))


def _shifted(mask: Volume, rng: Generator) -> Volume:
    direction = rng.standard_normal(3)
    shift = direction / np.linalg.norm(direction) * SHIFT_MM
    voxels = np.linalg.solve(mask.grid.world_from_voxel[:3, :3], shift)
    return mask.with_data(ndimage.shift(mask.data, voxels, order=0))


def wrong_mask(name: str) -> Fault:
    """Return the fault that replaces both masks by another one, a name in `WRONG_MASKS`; the images stay."""

    def apply(case: Case, made: SimulatedPair, stranger: Stranger, rng: Generator) -> Case:
        def given(image: Volume, liver: Volume) -> Volume:
            return liver.with_data(WRONG_MASKS[name](image, liver).astype(np.uint8))

        moving_liver, fixed_liver = given(case.moving, case.moving_liver), given(case.fixed, case.fixed_liver)
        return replace(case, moving_liver=moving_liver, fixed_liver=fixed_liver)

    return Fault(apply)


FAULTS = {
    "wrong_patient": Fault(_wrong_patient, keeps_answer=False),
    "mirrored": Fault(_mirrored, keeps_answer=False),
    "empty_image": Fault(_empty_image, keeps_answer=False),
    "uniform_liver": Fault(_uniform_liver),
    "mask_on_spleen": Fault(_mask_on_spleen),
    "mask_shifted": Fault(_mask_shifted),
}
