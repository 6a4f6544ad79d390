"""Streak artefacts: photon starvation along the left-right axis, and rays from metal."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["metal_rays", "starvation_streaks"]

METAL_HU = 2000.0
NUM_RAYS = 14


def starvation_streaks(
    shape: tuple[int, int, int], spacing_mm: NDArray[np.floating], *, level_hu: float, rng: Generator
) -> NDArray[np.float32]:
    """Return streaks in HU along the first axis (left to right), as photon starvation through shoulders or arms causes.

    White noise smoothed over 60 mm along the first axis and 1 mm along the second, independent in every slice.
    """
    white = rng.standard_normal(shape, dtype=np.float32)
    streaks = ndimage.gaussian_filter1d(white, 60.0 / spacing_mm[0] / 2, axis=0, mode="wrap", truncate=2.5)
    streaks = ndimage.gaussian_filter1d(streaks, 1.0 / spacing_mm[1], axis=1, mode="wrap", truncate=2.5)
    return streaks * np.float32(level_hu / max(float(streaks.std()), 1e-6))


def metal_rays(image_hu: NDArray[np.float32], spacing_mm: NDArray[np.floating], *, rng: Generator) -> None:
    """Add bright and dark rays around metal to an image in HU, in place, slice by slice.

    The artefact is imitated, not computed from projections: alternating rays, their amplitude about 1/r.
    """
    for k in np.flatnonzero((image_hu > METAL_HU).any(axis=(0, 1))):
        parts, count = ndimage.label(image_hu[:, :, k] > METAL_HU)
        for i, j in ndimage.center_of_mass(parts, parts, range(1, min(count, 4) + 1)):
            _add_star(image_hu[:, :, k], (i, j), spacing_mm, rng)


def _add_star(
    slice_hu: NDArray[np.float32], at: tuple[float, float], spacing_mm: NDArray[np.floating], rng: Generator
) -> None:
    x = (np.arange(slice_hu.shape[0]) - at[0])[:, None] * spacing_mm[0]
    y = (np.arange(slice_hu.shape[1]) - at[1])[None] * spacing_mm[1]
    radius = np.hypot(x, y)
    angle = np.arctan2(y, x)
    rays = np.sin(NUM_RAYS * angle + rng.uniform(0, 6.3)) * np.sin(3 * angle + rng.uniform(0, 6.3))
    slice_hu += (700 * rays / (radius + 3) * (radius > 2) * np.exp(-radius / 60)).astype(np.float32)
