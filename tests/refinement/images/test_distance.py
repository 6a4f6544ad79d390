"""Distances near a mask against SciPy's exact transform."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from hepareg.refinement.images import distance
from hepareg.refinement.images.distance import distance_within


@pytest.mark.parametrize("along", ["_minimum_by_shifts", "_minimum_in_windows"])
@pytest.mark.parametrize("spacing", [(2.5, 2.5, 2.5), (1.3, 2.4, 5.0), (40.0, 2.0, 2.0)])
def test_exact_up_to_the_reach(monkeypatch, spacing, along):
    monkeypatch.setattr(distance, "_minimum_by_shifts", getattr(distance, along))  # a device goes the other way
    rng = np.random.default_rng(3)
    inside = ndimage.binary_dilation(rng.random((24, 31, 17)) > 0.9995, iterations=2)
    expected = ndimage.distance_transform_edt(~inside, sampling=spacing)
    found = distance_within(torch.from_numpy(inside), spacing_mm=spacing, reach_mm=30.0).numpy()
    near = expected <= 30.0
    assert near.any()
    assert np.allclose(found[near], expected[near], atol=1e-4)
    assert (found[~near] == 60.0).all()
