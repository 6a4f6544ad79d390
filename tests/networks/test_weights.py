"""Weights on disk: whole round trips, and clear errors for everything else."""

import json
import pickle

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from hepareg.errors import FileFormatError, SettingsError
from hepareg.networks import (
    DilatedEncoderSettings,
    KeypointRigidDecoderSettings,
    RegistrationNet,
    RegistrationNetSettings,
    StridedEncoderSettings,
)
from hepareg.networks.settings import settings_from_values, settings_to_values
from hepareg.networks.weights import load_weights, save_weights

SMALL = [
    RegistrationNetSettings("both", StridedEncoderSettings((4, 6)), KeypointRigidDecoderSettings(2, 4)),
    RegistrationNetSettings("rigid", DilatedEncoderSettings((4, 6), (1, 2))),
]


@pytest.mark.parametrize("settings", SMALL)
def test_round_trip(tmp_path, settings):
    net = RegistrationNet(settings)
    path = tmp_path / "net.safetensors"
    save_weights(net, path, metrics={"tre_mm": 1.25}, preprocessing={"spacing_mm": [3, 3, 3]})
    loaded = load_weights(path)
    assert loaded.net.settings == settings
    assert loaded.metrics == {"tre_mm": 1.25}
    assert loaded.preprocessing == {"spacing_mm": [3, 3, 3]}
    assert not loaded.net.training
    for name, tensor in net.state_dict().items():
        torch.testing.assert_close(loaded.net.state_dict()[name], tensor, atol=0, rtol=0)
    assert [p.name for p in tmp_path.iterdir()] == ["net.safetensors"]


@pytest.mark.parametrize("settings", SMALL)
def test_settings_survive_json(settings):
    assert settings_from_values(json.loads(json.dumps(settings_to_values(settings)))) == settings


def test_unknown_settings_are_an_error():
    with pytest.raises(SettingsError, match="expected the network settings"):
        settings_from_values({"modes": "rigid"})
    with pytest.raises(SettingsError, match=r"expected encoder\.name to be one of efficient, published"):
        settings_from_values({"encoder": {"name": "unet"}})
    with pytest.raises(SettingsError, match="expected rigid settings among"):
        settings_from_values({"rigid": {"name": "rigid", "depth": 3}})


def test_a_failed_write_leaves_the_older_file(tmp_path, monkeypatch):
    path = tmp_path / "net.safetensors"
    save_weights(RegistrationNet(SMALL[1]), path, metrics={"epoch": 1})
    monkeypatch.setattr("hepareg.networks.weights.save_file", lambda *_, **__: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        save_weights(RegistrationNet(SMALL[1]), path, metrics={"epoch": 2})
    assert load_weights(path).metrics == {"epoch": 1}
    assert len(list(tmp_path.iterdir())) == 1


def test_missing_file(tmp_path):
    with pytest.raises(FileFormatError, match="expected a weights file"):
        load_weights(tmp_path / "none.safetensors")


class Bomb:
    """Would run code if it were unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("the file was unpickled",))


def test_pickles_are_never_read(tmp_path):
    path = tmp_path / "net.pt"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(FileFormatError, match="pickled checkpoints are not read"):
        load_weights(path)


def test_truncated_file(tmp_path):
    path = tmp_path / "net.safetensors"
    save_weights(RegistrationNet(SMALL[1]), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(FileFormatError, match="or a damaged one"):
        load_weights(path)


def test_weights_of_another_program_or_architecture(tmp_path):
    path = tmp_path / "net.safetensors"
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(FileFormatError, match="expected weights of format"):
        load_weights(path)
    save_weights(RegistrationNet(SMALL[1]), path)
    with safe_open(str(path), "pt") as file:
        metadata = file.metadata()
    save_file(RegistrationNet(SMALL[0]).state_dict(), path, metadata=metadata)
    with pytest.raises(FileFormatError, match="another architecture"):
        load_weights(path)


@pytest.mark.parametrize("channels", [[100_000, 100_000], [0, 6], [-4, 6], ["x", 6], [4], None])
def test_settings_of_another_size_are_refused_before_they_take_memory(tmp_path, channels):
    """Two layers of 100,000 channels would take a terabyte."""
    path = tmp_path / "net.safetensors"
    save_weights(RegistrationNet(SMALL[0]), path)
    with safe_open(path, "pt") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    settings = json.loads(metadata["settings"])
    settings["encoder"]["channels"] = channels
    save_file(tensors, path, metadata={**metadata, "settings": json.dumps(settings)})
    with pytest.raises(FileFormatError, match="another architecture"):
        load_weights(path)
