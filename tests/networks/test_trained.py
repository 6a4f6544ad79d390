import json
from hashlib import sha256

import numpy as np
import pytest

from hepareg.errors import SettingsError
from hepareg.geometry import Grid
from hepareg.networks.predictor import predict_rigid, region_of
from hepareg.networks.trained import trained_weights
from hepareg.networks.weights import load_weights
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume


def test_the_weights_of_the_package_load_and_are_small():
    path = trained_weights()
    loaded = load_weights(path)
    assert path.stat().st_size <= 5_000_000
    assert region_of(loaded).liver_margin_mm == 10.0
    assert loaded.metrics["settings"]["network"]["decoder"] == "keypoints"


def test_the_record_belongs_to_the_weights_and_the_network_halves_the_error_of_its_start():
    record = json.loads(trained_weights().with_suffix(".json").read_text())
    assert record["sha256"] == sha256(trained_weights().read_bytes()).hexdigest()
    assert len(record["evaluations"]) >= 2
    for title, evaluation in record["evaluations"].items():
        median = {line["method"]: line["tre_median_mm"] for line in evaluation["methods"]}
        assert median["network"] <= median["start"] / 2, title


def test_an_unknown_name_is_an_error():
    with pytest.raises(SettingsError, match="small"):
        trained_weights("large")


PREDICTED = [
    [9.99630183e-01, -1.43705712e-02, -2.30864625e-02, 1.46024947e01],
    [1.38486143e-02, 9.99648400e-01, -2.26117659e-02, 4.56831135e00],
    [2.34032893e-02, 2.22836882e-02, 9.99477725e-01, 9.57440803e00],
    [0.0, 0.0, 0.0, 1.0],
]
"""Prediction for `oblique_pair` when the weights were added; a change of the code must not change it."""


def oblique_pair():
    """Return a moving and a fixed phase of an ellipsoid with two vessels on an oblique grid, with masks."""
    centre = np.array([20.0, -30.0, 400.0])
    truth = RigidTransform.from_vectors([0.04, -0.03, 0.06], [6.0, -4.0, 9.0], centre_mm=centre)
    matrix = RigidTransform.from_vectors([0.05, 0.1, -0.08], [0, 0, 0]).matrix @ np.diag([-3.0, -3.0, 4.0, 1.0])
    matrix[:3, 3] = centre - matrix[:3, :3] @ [39.5, 39.5, 29.5]
    grid = Grid((80, 80, 60), matrix)
    points = grid.world_points(np.moveaxis(np.indices(grid.shape), 0, -1))

    def draw(points, vessel_hu):
        liver = np.linalg.norm((points - centre) / [95.0, 70.0, 65.0], axis=-1) < 1
        x, y, z = np.moveaxis(points - centre, -1, 0)
        vessels = (np.hypot(y - 10, z - 0.3 * x) < 6) | (np.hypot(x + 20, z + 0.5 * y) < 5)
        image = np.where(liver, np.where(vessels, vessel_hu, 90), -60).astype(np.int16)
        return Volume(image, grid), Volume(liver, grid)

    (moving, moving_mask), (fixed, fixed_mask) = draw(truth.inverse().apply(points), 60), draw(points, 180)
    return {"moving": moving, "fixed": fixed, "moving_mask": moving_mask, "fixed_mask": fixed_mask}


def test_the_weights_of_the_package_predict_the_same_as_when_they_were_added():
    predicted = predict_rigid(trained_weights(), **oblique_pair()).matrix
    # Float32 convolutions round differently on other processors: 1e-4 is 0.1 um of translation, 0.01 mm at the surface.
    np.testing.assert_allclose(predicted, PREDICTED, atol=1e-4, rtol=0)
