"""Whether a mask can be a liver's: the tissue under it and its size."""

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.refinement.images.block_average import GridImage

__all__ = ["tissue_homogeneity"]

HALF_WIDTH_HU = 40.0
"""Liver, its vessels in most phases, and most of a lesion lie within this of the liver's median; muscle beside fat and
bone, or several organs, do not."""
NOISE_WIDTHS = 2.0
"""In noisy images the half width is this many standard deviations of the noise, if that is more."""
NOISE_REACH_MM = 10.0
"""Noise is the difference of a point from the mean of two points so far from it, one on either side."""
MAD_TO_SD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
MIN_POINTS = 50


def tissue_homogeneity(image: GridImage, points_mm: Points) -> float | None:
    """Return the share of a mask's points that lie within `HALF_WIDTH_HU` of the points' median intensity.

    A liver is one tissue: its own median is compared, so that no phase, no fat and no scanner matters. Noise widens the
    range. It is measured along each world axis, and the middle one counts: streaks spare one direction, while tissues
    that alternate along one axis continue along the others.

    Parameters
    ----------
    image
        The mask's image, averaged over about 5 mm, so that noise counts for little.
    points_mm
        (N, 3) points spread over the mask, world mm of the image. Those outside the image are left out.

    Returns
    -------
    float or None
        0 to 1; None if fewer than `MIN_POINTS` points lie inside the image.
    """
    values = _values_inside(image, points_mm)
    if len(values) < MIN_POINTS:
        return None
    half_width_hu = max(HALF_WIDTH_HU, NOISE_WIDTHS * _noise_hu(image, points_mm))
    return float(np.mean(np.abs(values - np.median(values)) <= half_width_hu))


def _noise_hu(image: GridImage, points_mm: Points) -> float:
    """Return the robust standard deviation in HU of the noise at points of an image: the middle one of three axes."""
    found = []
    for step in NOISE_REACH_MM * np.eye(3):
        line = np.stack([points_mm - step, points_mm, points_mm + step])
        inside = (np.abs(image.sampler_positions(line)) <= 1).all(axis=(0, 2))
        before, here, after = _values_inside(image, line[:, inside].reshape(-1, 3)).reshape(3, -1)
        if here.size:
            found.append(np.median(np.abs(here - (before + after) / 2)) * MAD_TO_SD / np.sqrt(1.5))
    return float(np.median(found)) if found else 0.0


def _values_inside(image: GridImage, points_mm: Points) -> NDArray[np.floating]:
    """Return the interpolated intensities of an image at those points that lie inside it."""
    positions = image.sampler_positions(points_mm)
    return image.values_at(positions[(np.abs(positions) <= 1).all(axis=1)])
