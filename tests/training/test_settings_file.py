import pytest
import yaml

from hepareg.errors import SettingsError
from hepareg.training.settings import TrainingSettings
from hepareg.training.settings_file import PRESETS, load_settings, settings_yaml


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("run: {epochs: 7}\nloss:\n  similarity: {ncc: 1.0}\n")
    return path


def test_what_a_file_does_not_name_has_its_default(file):
    settings = load_settings(file)
    assert settings.run.epochs == 7
    assert settings.loss.similarity == {"ncc": 1.0}
    assert settings.optimiser == TrainingSettings().optimiser


def test_overrides_are_read_as_yaml_and_win(file):
    settings = load_settings(
        file, ["run.epochs=9", "optimiser.learning_rate=1e-3", "data.region.shape_vox=[16, 16, 24]", "data.cache=null"]
    )
    assert settings.run.epochs == 9
    assert settings.optimiser.learning_rate == 1e-3
    assert settings.data.region.shape_vox == (16, 16, 24)
    assert settings.data.cache is None


@pytest.mark.parametrize("key", ["epochs", "run.epoch", "data.region.shape", "network.nonsense", "loss.similarity.mnd"])
def test_unknown_keys_fail_by_name_in_overrides_and_files_alike(file, tmp_path, key):
    with pytest.raises(SettingsError, match=key.split(".")[-1]):
        load_settings(file, [f"{key}=1"])
    tree = 1
    for part in reversed(key.split(".")):
        tree = {part: tree}
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump(tree))
    with pytest.raises(SettingsError, match=key.split(".")[-1]):
        load_settings(other)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("run.epochs=0", "greater than or equal to 1, got 0"),
        ("run.epochs=many", "valid integer"),
        ("run.epochs", "expected key=value"),
        ("run.epochs.more=1", "has no keys below it"),
        ("loss.similarity={mse: 0}", "positive weights"),
        ("data.source=manifest", "expected a path in data.manifest"),
        ("data.region.window_hu=[100, -100]", "window_hu"),
        ("optimiser.name=[", "YAML value"),
    ],
)
def test_wrong_values_say_what_was_expected(file, override, message):
    with pytest.raises(SettingsError, match=message) as caught:
        load_settings(file, [override])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [1\n"])
def test_a_file_that_is_no_settings_file_is_refused(tmp_path, text):
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError):
        load_settings(path)


def test_a_missing_file_names_the_presets():
    with pytest.raises(SettingsError, match="published, one_gpu, small"):
        load_settings("nowhere.yaml")


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_load_and_survive_a_round_trip(preset, tmp_path):
    settings = load_settings(preset)
    path = tmp_path / "resolved.yaml"
    path.write_text(settings_yaml(settings))
    assert load_settings(path) == settings


def test_the_published_preset_is_the_published_one():
    settings = load_settings("published")
    assert (settings.optimiser.name, settings.optimiser.learning_rate) == ("adam", 1e-4)
    assert settings.loss.similarity == {"mind": 1.0}
    assert settings.data.crop_slices == 200
    assert settings.network.encoder == "published"
    assert sum(settings.network.published.channels) + 2 == 290
    assert (settings.data.region.shape_vox, settings.data.region.spacing_mm) == ((200, 200, 100), 2.0)
    assert settings.run.precision == "16-mixed"
    assert (settings.data.batch_size, settings.run.processes) == (1, 8)
    assert settings.checkpoints.every_epochs == 5
    assert settings.tracking.wandb != "off"


@pytest.mark.parametrize("loss", ["mi", "mse", "ncc", "nmi"])
def test_the_published_losses_can_be_selected_one_for_another(loss):
    assert load_settings("published", [f"loss.similarity={{{loss}: 1.0}}"]).loss.similarity == {loss: 1.0}


def test_public_settings_hold_no_path():
    settings = load_settings(
        "small", ["data.source=manifest", "data.manifest=/secret/list.csv", "data.cache=/secret/c"]
    )
    assert "secret" not in str(settings.public())
