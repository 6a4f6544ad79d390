"""A trained network alone, before the refinement, and not at all."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from hepareg import RigidTransform
from hepareg.errors import FileFormatError, MaskError, SettingsError
from hepareg.networks import RegistrationNet, RegistrationNetSettings, RigidDecoderSettings, StridedEncoderSettings
from hepareg.networks.predictor import predict_rigid
from hepareg.networks.trained import trained_weights
from hepareg.networks.weights import load_weights, save_weights
from hepareg.registration import Decision, Method, prediction, register

GOOD_MM = 0.6


START = RigidTransform.from_vectors(np.zeros(3), [1.0, -2.0, 15.0])


@pytest.fixture(scope="module")
def by_network(pair):
    return register(**pair[0], start=START, method=Method.NETWORK)


@pytest.fixture
def untrained(tmp_path):
    """Weights that predict no motion and need no mask."""
    torch.manual_seed(0)
    settings = RegistrationNetSettings(
        encoder=StridedEncoderSettings(channels=(4, 8)), rigid=RigidDecoderSettings(width=8, hidden=8)
    )
    region = {"shape_vox": [16, 16, 16], "spacing_mm": 16.0, "window_hu": [-150.0, 350.0]}
    save_weights(RegistrationNet(settings), tmp_path / "weights.safetensors", preprocessing=region)
    return tmp_path / "weights.safetensors"


def test_the_networks_result_is_its_prediction_exactly_and_rigid(pair, by_network):
    images, _ = pair
    alone = predict_rigid(trained_weights(), start=START, **images)
    assert (by_network.transform.matrix == alone.matrix).all()
    by_network.transform.certify()
    assert by_network.method is Method.NETWORK
    assert by_network.start_name == "network"
    assert by_network.weights_sha256 == load_weights(trained_weights()).sha256
    assert not by_network.history


def test_the_network_improves_on_its_start_and_its_expected_error_is_honest(liver_tre, by_network):
    assert liver_tre(by_network.transform) < liver_tre(START) / 2
    expected, true = by_network.verdict.expected_liver_tre_mm, liver_tre(by_network.transform)
    assert abs(expected - true) < 0.3
    assert expected <= 1.5 or by_network.verdict.decision is not Decision.ACCEPT


@pytest.mark.parametrize("off_mm", [3.0, 9.0, 30.0])
def test_a_prediction_that_is_off_is_never_accepted(pair, liver_tre, monkeypatch, off_mm):
    images, truth = pair
    shift = RigidTransform.from_vectors(np.zeros(3), [0.0, 0.6 * off_mm, 0.8 * off_mm])
    wrong = RigidTransform((shift @ truth).matrix)
    monkeypatch.setattr(prediction, "predict_rigid", lambda *a, **k: wrong)
    result = register(**images, method=Method.NETWORK)
    assert (result.transform.matrix == wrong.matrix).all()
    assert result.verdict.decision is not Decision.ACCEPT
    assert result.verdict.expected_liver_tre_mm == pytest.approx(liver_tre(wrong), abs=0.2 * off_mm)


@pytest.mark.parametrize("off_mm", [0.0, 40.0])
def test_the_refinement_begins_at_the_prediction_but_does_not_trust_it(pair, liver_tre, monkeypatch, off_mm):
    images, truth = pair
    guess = RigidTransform((RigidTransform.from_vectors(np.zeros(3), [0.0, 0.0, off_mm]) @ truth).matrix)
    monkeypatch.setattr(prediction, "predict_rigid", lambda *a, **k: guess)
    result = register(**images, method=Method.NETWORK_REFINE)
    assert liver_tre(result.transform) < GOOD_MM
    assert result.verdict.decision is Decision.ACCEPT
    assert result.history
    assert (result.start_name == "network") == (off_mm == 0.0)


@pytest.mark.parametrize("missing", ["moving_mask", "fixed_mask"])
def test_a_network_that_needs_both_masks_says_so(pair, missing):
    images = {**pair[0], missing: None}
    with pytest.raises(MaskError, match=f"no {missing.partition('_')[0]} mask"):
        register(**images, method=Method.NETWORK)


@pytest.mark.parametrize("given", [(), ("moving_mask",), ("fixed_mask",), ("moving_mask", "fixed_mask")])
def test_a_network_that_needs_none_works_with_whatever_is_there(pair, untrained, given):
    images, truth = pair
    chosen = {name: image for name, image in images.items() if not name.endswith("mask") or name in given}
    result = register(**chosen, start=truth, method=Method.NETWORK, weights=untrained)
    np.testing.assert_allclose(result.transform.matrix, truth.matrix, atol=1e-9)
    assert ("no_liver_mask" in result.verdict.reasons) == (not given)


def test_weights_beside_a_method_without_a_network_are_an_error(pair, untrained):
    with pytest.raises(SettingsError, match="refine"):
        register(**pair[0], weights=untrained)


def test_weights_that_cannot_be_read_are_an_error(pair, tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(b"no weights")
    with pytest.raises(FileFormatError, match="safetensors"):
        register(**pair[0], method=Method.NETWORK_REFINE, weights=tmp_path / "weights.safetensors")


def test_the_refinement_alone_does_not_load_the_networks():
    code = "import sys; import hepareg.registration; assert 'hepareg.networks' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
