from hashlib import sha256

import pytest
import torch

from hepareg.cli.main import main
from hepareg.networks import KeypointRigidDecoderSettings, RegistrationNet, RegistrationNetSettings
from hepareg.networks.encoder import StridedEncoderSettings
from hepareg.networks.weights import load_weights, save_weights
from hepareg.workflows.model_card import model_card


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    net = RegistrationNet(
        RegistrationNetSettings(
            encoder=StridedEncoderSettings(channels=(4, 8)),
            rigid=KeypointRigidDecoderSettings(points_per_axis=2, width=8),
        )
    )
    path = tmp_path / "weights.safetensors"
    metrics = {
        "validation": {"val_tre_mm": 1.25},
        "settings": {"seed": 3, "data": {"source": "simulated", "simulated": {"num_anatomies": 120}}},
    }
    region = {"shape_vox": [16, 16, 16], "spacing_mm": 8.0, "window_hu": [-150.0, 350.0], "liver_margin_mm": None}
    save_weights(net, path, metrics=metrics, preprocessing=region)
    return path


def test_the_card_states_data_settings_metrics_and_the_files_hash(weights, tmp_path):
    assert main(["export", str(weights), "-o", str(tmp_path / "out"), "--weights-only"]) == 0
    card = (tmp_path / "out" / "model_card.md").read_text()
    exported = (tmp_path / "out" / "weights.safetensors").read_bytes()
    assert sha256(exported).hexdigest() in card
    for text in ("120 procedural anatomies", "| val_tre_mm | 1.25 |", "| seed | 3 |", "keypoints", "Research use only"):
        assert text in card
    assert load_weights(tmp_path / "out" / "weights.safetensors").metrics["validation"]["val_tre_mm"] == 1.25


@pytest.mark.parametrize(("mode", "said"), [("deformable", (False, True)), ("both", (True, True))])
def test_the_card_states_the_outputs_that_there_are(tmp_path, mode, said):
    settings = RegistrationNetSettings(mode=mode, encoder=StridedEncoderSettings(channels=(4, 8)))
    save_weights(RegistrationNet(settings), tmp_path / "weights.safetensors", metrics={}, preprocessing={})
    card = model_card(load_weights(tmp_path / "weights.safetensors"), file=tmp_path / "weights.safetensors")
    assert ("rotation" in card, "displacement (3, I, J, K) in world mm" in card) == said


@pytest.mark.slow
def test_all_formats_are_written(weights, tmp_path, capsys):
    pytest.importorskip("onnxscript")
    assert main(["export", str(weights), "-o", str(tmp_path / "out")]) == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["model.json", "model_card.md", "network.onnx", "network.pt2", "weights.safetensors"]


def test_a_file_that_is_no_weights_is_refused(tmp_path, capsys):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"no weights")
    assert main(["export", str(path), "-o", str(tmp_path / "out")]) == 2
    assert "got another kind of file or a damaged one" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_older_export_is_replaced_where_asked_and_nothing_else_is(weights, tmp_path, capsys):
    command = ["export", str(weights), "-o", str(tmp_path / "out"), "--weights-only"]
    assert main(command) == 0
    assert main(command) == 2
    assert main([*command, "--overwrite"]) == 0
    assert main(["export", str(weights), "-o", str(tmp_path), "--overwrite"]) == 2
    assert "holds other files" in capsys.readouterr().err
    inside = tmp_path / "out" / "weights.safetensors"
    assert main(["export", str(inside), "-o", str(tmp_path / "out"), "--overwrite"]) == 2
    assert "holds an input" in capsys.readouterr().err
    assert weights.exists()
