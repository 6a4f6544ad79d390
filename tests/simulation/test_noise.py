"""Noise has the level, the spectrum and the correlation that are asked for."""

import numpy as np
import pytest

from hepareg.simulation.noise import correlated_noise


@pytest.fixture(scope="module")
def noise():
    return correlated_noise((160, 144, 20), np.array([0.8, 0.9, 2.0]), rng=np.random.default_rng(0))


def test_level(noise):
    assert noise.std() == pytest.approx(1, abs=0.03)
    assert abs(noise.mean()) < 0.01


def test_spectrum_peaks_where_it_should(noise):
    power = (np.abs(np.fft.fft2(noise, axes=(0, 1))) ** 2).mean(2)
    f = np.hypot(np.fft.fftfreq(160, 0.8)[:, None], np.fft.fftfreq(144, 0.9)[None])
    bands = np.arange(0, 0.55, 0.05)
    mean = np.array([power[(f >= a) & (f < a + 0.05)].mean() for a in bands])
    assert 0.15 <= bands[mean.argmax()] + 0.025 <= 0.25
    assert mean[0] < 0.4 * mean.max()
    assert mean[-1] < 0.1 * mean.max()


def test_neighbouring_slices_correlate(noise):
    assert np.corrcoef(noise[:, :, 5].ravel(), noise[:, :, 6].ravel())[0, 1] == pytest.approx(0.35, abs=0.05)
    assert abs(np.corrcoef(noise[:, :, 5].ravel(), noise[:, :, 8].ravel())[0, 1]) < 0.05
