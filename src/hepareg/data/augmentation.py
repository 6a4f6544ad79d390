"""Random poses and intensities. Each draw is a function of seed, epoch and index alone."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hepareg.data.settings import AugmentationSettings
from hepareg.transforms import RigidTransform

__all__ = ["PairKey", "augment_intensity", "keyed_generator", "random_bias", "random_pose"]


class PairKey(NamedTuple):
    """Epoch and index of one draw of one pair. Samplers give keys to workers, which then need no shared state."""

    epoch: int
    index: int  # type: ignore[assignment] # hides tuple.index on purpose: keys are not searched


def keyed_generator(seed: int, key: PairKey, *, stream: int = 0) -> np.random.Generator:
    """Return the random generator of one draw, which depends on the arguments alone.

    ``stream`` separates uses that must not share draws (training, validation).
    """
    return np.random.default_rng(np.random.SeedSequence([seed, stream, key.epoch, key.index]))


def random_pose(
    generator: np.random.Generator, settings: AugmentationSettings, *, centre_mm: NDArray[np.floating]
) -> RigidTransform:
    """Return a random rigid motion about ``centre_mm``; translation and rotation vector are uniform in balls."""
    rotation = _in_ball(generator) * np.radians(settings.max_rotation_deg)
    translation = _in_ball(generator) * settings.max_translation_mm
    return RigidTransform.from_vectors(rotation, translation, centre_mm=centre_mm)


def random_bias(generator: np.random.Generator, length_mm: float) -> RigidTransform:
    """Return a translation of ``length_mm`` in a uniformly random direction."""
    direction = generator.normal(size=3)
    return RigidTransform.from_vectors(np.zeros(3), length_mm * direction / np.linalg.norm(direction))


def augment_intensity(
    values_hu: NDArray[np.float32],
    *,
    liver: NDArray[np.floating] | None,
    generator: np.random.Generator,
    settings: AugmentationSettings,
) -> NDArray[np.float32]:
    """Return an image in HU with random gain, offset, enhancement of the liver, and noise.

    Parameters
    ----------
    values_hu
        (I, J, K) image in HU.
    liver
        (I, J, K) weights of the liver in [0, 1], or None: the enhancement is then left out.
    """
    gain = 1 + settings.intensity_gain * generator.uniform(-1, 1)
    changed = values_hu * gain + settings.intensity_offset_hu * generator.uniform(-1, 1)
    enhancement = settings.enhancement_hu * generator.uniform(-1, 1)
    if liver is not None:
        changed += enhancement * liver
    noise = generator.standard_normal(values_hu.shape, dtype=np.float32)
    return (changed + settings.noise_hu * generator.uniform() * noise).astype(np.float32)


def _in_ball(generator: np.random.Generator) -> NDArray[np.floating]:
    direction = generator.normal(size=3)
    return direction / np.linalg.norm(direction) * generator.uniform() ** (1 / 3)
