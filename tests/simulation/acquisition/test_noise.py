"""Noise has the level, the spectrum and the correlation that are asked for."""

import numpy as np
import pytest

from hepareg.simulation.acquisition.noise import correlated_noise


@pytest.fixture(scope="module")
def noise():
    return correlated_noise((160, 144, 20), np.array([0.8, 0.9, 2.0]), rng=np.random.default_rng(0))


def test_level(noise):
    assert noise.std() == pytest.approx(1, abs=0.03)
    assert abs(noise.mean()) < 0.01


def test_spectrum_rises_and_falls_as_asked(noise):
    power = (np.abs(np.fft.fft2(noise, axes=(0, 1))) ** 2).mean(2)
    f = np.hypot(np.fft.fftfreq(160, 0.8)[:, None], np.fft.fftfreq(144, 0.9)[None])
    bands = np.arange(0, 0.55, 0.05)
    mean = np.array([power[(f >= a) & (f < a + 0.05)].mean() for a in bands])
    assert bands[mean.argmax()] == pytest.approx(0.05)
    assert mean[0] < 0.6 * mean.max()
    # From 0.125 to 0.425 per mm it falls by exp(-0.3 / 0.22).
    assert mean[8] / mean[2] == pytest.approx(np.exp(-0.3 / 0.22), rel=0.1)


def test_neighbouring_slices_correlate(noise):
    assert np.corrcoef(noise[:, :, 5].ravel(), noise[:, :, 6].ravel())[0, 1] == pytest.approx(0.35, abs=0.05)
    assert abs(np.corrcoef(noise[:, :, 5].ravel(), noise[:, :, 8].ravel())[0, 1]) < 0.05
