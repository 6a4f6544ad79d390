import json
from hashlib import sha256

import pytest

from hepareg.errors import SettingsError
from hepareg.networks.predictor import region_of
from hepareg.networks.trained import trained_weights
from hepareg.networks.weights import load_weights


def test_the_weights_of_the_package_load_and_are_small():
    path = trained_weights()
    loaded = load_weights(path)
    assert path.stat().st_size <= 5_000_000
    assert region_of(loaded).liver_margin_mm == 10.0
    assert loaded.metrics["settings"]["network"]["decoder"] == "keypoints"


def test_the_record_beside_them_is_theirs_and_says_that_they_halve_the_error_of_their_start():
    record = json.loads(trained_weights().with_suffix(".json").read_text())
    assert record["sha256"] == sha256(trained_weights().read_bytes()).hexdigest()
    assert len(record["evaluations"]) >= 2
    for title, evaluation in record["evaluations"].items():
        median = {line["method"]: line["tre_median_mm"] for line in evaluation["methods"]}
        assert median["network"] <= median["start"] / 2, title


def test_unknown_names_are_told():
    with pytest.raises(SettingsError, match="small"):
        trained_weights("large")
