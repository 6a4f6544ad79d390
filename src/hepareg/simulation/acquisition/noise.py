"""Correlated CT noise."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import fft

__all__ = ["RISE_PER_MM", "correlated_noise"]

CHUNK_SLICES = 16
RISE_PER_MM = 0.05
"""Spatial frequency in 1/mm below which there is little noise."""


def correlated_noise(
    shape: tuple[int, int, int],
    spacing_mm: NDArray[np.floating],
    *,
    rng: Generator,
    fall_per_mm: float = 0.22,
    slice_correlation: float = 0.35,
) -> NDArray[np.float32]:
    """Return noise of unit standard deviation with a CT's in-plane power spectrum, slices along the last axis.

    The power spectrum is (1 - exp(-(f / 0.05)^2)) exp(-f / fall): zero at zero frequency, as after filtered
    back-projection, and falling at high frequencies, as by the reconstruction kernel. The default fall was fitted to
    a soft-tissue series.

    Parameters
    ----------
    shape, spacing_mm
        Grid of the image.
    fall_per_mm
        Frequency in 1/mm over which the power falls by a factor e; larger for a sharper kernel.
    slice_correlation
        Correlation of neighbouring slices.

    References
    ----------
    Solomon, J. B., Christianson, O., Samei, E. Quantitative comparison of noise texture across CT scanners from
    different manufacturers. Medical Physics 39, 2012. doi:10.1118/1.4752209
    """
    gain = _gain(shape, spacing_mm, fall_per_mm)
    rho = np.float32(slice_correlation)
    # Neighbouring slices of w_k + b w_(k+1) correlate by b / (1 + b^2) = rho.
    b = np.float32((1 - np.sqrt(max(0.0, 1 - 4 * float(rho) ** 2))) / (2 * float(rho))) if rho > 0 else np.float32(0)
    out = np.empty(shape, dtype=np.float32)
    last: NDArray[np.float32] | None = None
    for start in range(0, shape[2], CHUNK_SLICES):
        stop = min(start + CHUNK_SLICES, shape[2])
        white = rng.standard_normal((stop - start, shape[0], shape[1]), dtype=np.float32)
        slices = fft.irfft2(fft.rfft2(white, workers=2) * gain, s=shape[:2], workers=2).astype(np.float32)
        before = np.concatenate([(last if last is not None else slices[-1:]), slices[:-1]])
        out[:, :, start:stop] = np.moveaxis((slices + b * before) / np.sqrt(1 + b**2), 0, 2)
        last = slices[-1:].copy()
    return out


def _gain(shape: tuple[int, int, int], spacing_mm: NDArray[np.floating], fall: float) -> NDArray[np.float32]:
    fx = np.fft.fftfreq(shape[0], spacing_mm[0])[:, None]
    fy = np.fft.rfftfreq(shape[1], spacing_mm[1])[None]
    f2 = fx**2 + fy**2
    power = (1 - np.exp(-f2 / RISE_PER_MM**2)) * np.exp(-np.sqrt(f2) / fall)
    full = np.concatenate([power, power[:, 1 : (shape[1] + 1) // 2]], axis=1)
    return np.sqrt(power / max(float(full.mean()), 1e-30)).astype(np.float32)
