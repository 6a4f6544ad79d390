"""Denoising removes noise and keeps edges; the level of noise is measured beside vessels."""

import numpy as np
import pytest

from hepareg.simulation.anatomy.denoising import denoise, noise_level

SPACING_MM = np.array([1.5, 1.5, 2.5])


def scene(noise_hu, seed=0):
    """A liver with a vessel, noise in it, and the mask of the liver."""
    i, j, k = np.indices((60, 56, 24))
    liver = (np.abs(i - 30) < 22) & (np.abs(j - 28) < 20) & (np.abs(k - 12) < 9)
    clean = np.where(liver, 80.0, -100.0)
    clean[liver & (np.hypot(i - 30, j - 28) < 3)] = 160
    noise = np.random.default_rng(seed).normal(0, noise_hu, liver.shape)
    return (clean + noise).astype(np.float32), clean.astype(np.float32), liver


def test_noise_goes_and_edges_stay():
    noisy, clean, liver = scene(12.0)
    found = denoise(noisy, noise_hu=12.0, spacing_mm=SPACING_MM)
    flat = np.zeros_like(liver)
    flat[14:22, 14:42, 6:18] = True
    assert found[flat].std() < 0.15 * noisy[flat].std()
    assert np.abs(found - clean)[flat].mean() < 2
    edge = np.abs(np.diff(found, axis=0))[7:9, 14:42, 6:18].max(axis=0)
    # The step of 180 HU from fat to liver; a Gaussian that removes as much noise would leave 0.4 of it.
    assert np.median(edge) > 0.75 * 180


def test_without_noise_nothing_changes():
    _, clean, _ = scene(0.0)
    assert np.abs(denoise(clean, noise_hu=0.0, spacing_mm=SPACING_MM) - clean).max() < 1e-2


@pytest.mark.parametrize("noise_hu", [5.0, 20.0])
def test_level_inside_a_mask_with_a_vessel(noise_hu):
    noisy, _, liver = scene(noise_hu)
    noisy[~liver] += 500 * np.random.default_rng(1).normal(size=(~liver).sum()).astype(np.float32)
    assert noise_level(noisy, liver, SPACING_MM) == pytest.approx(noise_hu, rel=0.1)
