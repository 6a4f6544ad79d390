"""The weights that come with the package, on anatomies that no training saw."""

import numpy as np
import pytest

from hepareg.data.augmentation import PairKey, keyed_generator, random_bias
from hepareg.data.settings import SimulatedSettings
from hepareg.data.simulated_pairs import TEST, simulated_pair
from hepareg.evaluation.tre import tre_over_mask
from hepareg.networks.predictor import predict_rigid
from hepareg.networks.trained import trained_weights
from hepareg.networks.weights import load_weights
from hepareg.transforms import RigidTransform


@pytest.mark.slow
def test_the_network_alone_halves_the_median_error_of_its_start():
    weights, settings = load_weights(trained_weights()), SimulatedSettings(spacing_mm=4.0)
    errors = []
    for index in range(6):
        pair = simulated_pair(settings, seed=77, family=TEST, index=index)
        bias = random_bias(keyed_generator(77, PairKey(0, index)), 3.0)
        start = RigidTransform((pair.start() @ bias).matrix)
        estimate = predict_rigid(
            weights, moving=pair.moving, fixed=pair.fixed, start=start,
            moving_mask=pair.moving_mask, fixed_mask=pair.fixed_mask,
        )  # fmt: skip
        truth = pair.moving_from_fixed
        errors.append([tre_over_mask(t, truth, mask=pair.fixed_mask).mean_mm for t in (start, estimate)])
    at_start, after = np.median(errors, axis=0)
    assert after <= at_start / 2
