import pytest
import yaml

from hepareg.errors import SettingsError
from hepareg.networks.parts import RIGID_DECODERS
from hepareg.similarity import IMAGE_LOSSES
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
    assert {name: term.weight for name, term in settings.loss.similarity.items()} == {"ncc": 1.0}
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
        ("loss.similarity={mse: 0}", "similarity.mse.weight: expected positive weights; .*, got 0"),
        ("loss.similarity={mind: {weight: 0, radius_mm: 2}}", "similarity.mind.weight: expected positive weights"),
        ("loss.labels={soft_dice: -1}", "labels.soft_dice.weight: expected positive weights"),
        ("loss.regularisation={identity: .nan}", "regularisation.identity.weight: .*finite number, got nan"),
        ("loss.similarity={mnd: 1}", f"expected some of {', '.join(IMAGE_LOSSES)}, got 'mnd'"),
        ("loss.similarity=mind", "expected names with weights, such as {mse: 1.0}, got 'mind'"),
        (
            "loss.similarity={mind: {radius: 2}}",
            "expected of mind only weight, distance_mm, radius_mm, .* got 'radius'",
        ),
        ("loss.similarity={mse: {radius_mm: 2}}", "expected of mse only weight, got 'radius_mm'"),
        ("loss.similarity={mind: {radius_mm: wide}}", "similarity.mind.radius_mm: .*valid number, got 'wide'"),
        ("loss.similarity={mind: {radius_mm: true}}", "similarity.mind.radius_mm: .*valid number, got True"),
        ("loss.similarity={mind: {radius_mm: -2}}", "expected options that mind can use: .*length >= 0"),
        ("loss.similarity={mi: {num_bins: 8.5}}", "similarity.mi.num_bins: .*valid integer, got 8.5"),
        ("loss.similarity={mi: {num_bins: 2}}", "expected options that mi can use: .*at least 4 bins"),
        ("loss.regularisation={gradients: {power: 3}}", "regularisation.gradients.power: .*1 or 2, got 3"),
        ("network.encoder=resnet", "network.encoder: expected one of efficient, published, got 'resnet'"),
        ("network.decoder=points", f"network.decoder: expected one of {', '.join(RIGID_DECODERS)}, got 'points'"),
        ("network.rigid.widht=8", "network.rigid.widht: unknown key, expected one of width, hidden, moments"),
        ("run.epoch=8", "run.epoch: unknown key, expected one of epochs, "),
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
    assert {name: term.weight for name, term in settings.loss.similarity.items()} == {"mind": 1.0}
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
    assert list(load_settings("published", [f"loss.similarity={{{loss}: 1.0}}"]).loss.similarity) == [loss]


@pytest.mark.parametrize(
    "overrides",
    [
        ["loss.similarity={mind: {weight: 0.5, radius_mm: 2}}"],
        ["loss.similarity={mind: 0.5}", "loss.similarity.mind.radius_mm=2"],
        ["loss.similarity.mind={weight: 0.5}", "loss.similarity.mind.radius_mm=2.0"],
    ],
)
def test_a_loss_takes_a_weight_alone_or_with_options_which_are_saved_with_their_defaults(overrides):
    settings = load_settings("one_gpu", overrides)
    resolved = {"weight": 0.5, "distance_mm": 3.0, "radius_mm": 2.0, "recompute": None}
    assert settings.loss.similarity["mind"].model_dump() == resolved
    assert yaml.safe_load(settings_yaml(settings))["loss"]["similarity"] == {"mind": resolved}
    assert settings.public()["loss"]["similarity"] == {"mind": resolved}


def test_options_alone_have_the_weight_one():
    assert load_settings("one_gpu", ["loss.labels={soft_dice: {}}"]).loss.labels["soft_dice"].weight == 1.0


def test_public_settings_hold_no_path():
    settings = load_settings(
        "small", ["data.source=manifest", "data.manifest=/secret/list.csv", "data.cache=/secret/c"]
    )
    assert "secret" not in str(settings.public())
