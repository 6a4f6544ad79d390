"""Fixtures of the registration tests."""

import numpy as np
import pytest

from hepareg.registration import register


@pytest.fixture(scope="session")
def pair(simulated_pair):
    """The small pair as the library call takes it, and its truth."""
    masks = {
        "moving_mask": simulated_pair.moving_liver.with_data(simulated_pair.moving_liver.data > 0),
        "fixed_mask": simulated_pair.fixed_liver.with_data(simulated_pair.fixed_liver.data > 0),
    }
    return {"moving": simulated_pair.moving, "fixed": simulated_pair.fixed, **masks}, simulated_pair.truth


@pytest.fixture(scope="session")
def with_both_masks(pair):
    """Return what the default settings find with both masks."""
    return register(**pair[0])


@pytest.fixture(scope="session")
def liver_tre(pair):
    """Return the mean liver TRE in mm of a transform."""
    images, truth = pair
    mask = images["fixed_mask"]
    points = mask.grid.world_points(np.argwhere(mask.data)[::7])

    def measure(transform):
        return float(np.linalg.norm(transform.apply(points) - truth.apply(points), axis=1).mean())

    return measure
