"""Settings from a YAML file or a preset, with ``key=value`` overrides, validated alike."""

import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from hepareg.errors import SettingsError
from hepareg.training.settings import TrainingSettings

__all__ = ["PRESETS", "load_settings", "settings_yaml"]

PRESETS = ("published", "one_gpu", "small")
"""Settings that come with the package, in ``training/presets``."""


def load_settings(source: str | Path, overrides: Sequence[str] = ()) -> TrainingSettings:
    """Return the settings of a preset or of a YAML file.

    Parameters
    ----------
    source
        Name of a preset, or path of a YAML file. A preset's name wins; ``./small`` is a file.
    overrides
        ``section.key=value`` texts; the value is read as YAML, so ``null``, ``[1, 2]`` and ``1e-3`` mean what they
        mean in the file.

    Raises
    ------
    SettingsError
        If the file cannot be read, a key is unknown, or a value is of the wrong type or out of range.
    """
    tree = _read(source)
    for override in overrides:
        _set(tree, override)
    try:
        return TrainingSettings.model_validate(tree)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from error


def settings_yaml(settings: TrainingSettings) -> str:
    """Return all settings, defaults included, as YAML that `load_settings` reads back."""
    return yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False)


def _read(source: str | Path) -> dict[str, Any]:
    if str(source) in PRESETS:
        text = (resources.files("hepareg.training") / "presets" / f"{source}.yaml").read_text()
    else:
        path = Path(source)
        if not path.is_file():
            raise SettingsError(f"expected a YAML file or one of {', '.join(PRESETS)}, got {source}")
        text = path.read_text()
    try:
        tree = yaml.load(text, Loader=_NumberLoader)
    except yaml.YAMLError as error:
        raise SettingsError(f"expected YAML in {source}, got something else: {' '.join(str(error).split())}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise SettingsError(f"expected sections with keys in {source}, got {type(tree).__name__}")
    return tree


def _set(tree: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals or not name.strip():
        raise SettingsError(f"expected key=value such as run.epochs=10, got {override!r}")
    *sections, key = name.strip().split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise SettingsError(f"expected a key that exists, got {name}: {section} has no keys below it")
    try:
        tree[key] = yaml.load(text, Loader=_NumberLoader)
    except yaml.YAMLError as error:
        raise SettingsError(f"expected a YAML value in {override!r}; quote it if it is text") from error


def _explain(error: ValidationError) -> str:
    parts = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        if item["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            parts.append(f"{where}: unknown key")
        else:
            shown = "" if isinstance(item["input"], dict) else f", got {item['input']!r}"
            parts.append(f"{where or 'settings'}: {item['msg'].removeprefix('Value error, ')}{shown}")
    return "settings cannot be used: " + "; ".join(parts)


class _NumberLoader(yaml.SafeLoader):
    """YAML 1.1 reads 1e-4 as text; here it is a number, as in YAML 1.2."""


_NumberLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)
