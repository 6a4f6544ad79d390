"""Settings from a YAML file or a preset and from ``key=value`` overrides, which are validated like the file."""

import re
from collections.abc import Sequence
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, get_type_hints

import yaml
from pydantic import BaseModel, ValidationError

from hepareg.errors import SettingsError
from hepareg.training.settings import TrainingSettings

__all__ = ["PRESETS", "load_settings", "settings_yaml"]

PRESETS = ("published", "one_gpu", "small")
"""Names of the settings files in ``training/presets``, which come with the package."""


def load_settings(source: str | Path, overrides: Sequence[str] = ()) -> TrainingSettings:
    """Return the settings of a preset or of a YAML file.

    Parameters
    ----------
    source
        Name of a preset, or path of a YAML file. Write ``./small`` for a file that is called like a preset.
    overrides
        ``section.key=value`` texts. The value is read as YAML, as in the file: ``null``, ``[1, 2]``, ``1e-3``.

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
        tree = yaml.load(text, Loader=_Loader)
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
        below = tree.setdefault(section, {})
        if sections[0] == "loss" and isinstance(below, int | float):
            below = tree[section] = {"weight": below}  # a part of the loss with its weight alone
        if not isinstance(below, dict):
            raise SettingsError(f"expected a key that exists, got {name}: {section} has no keys below it")
        tree = below
    try:
        tree[key] = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise SettingsError(f"expected a YAML value in {override!r}; quote it if it is text") from error


def _explain(error: ValidationError) -> str:
    parts = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        if item["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            parts.append(f"{where}: unknown key, expected one of {', '.join(_known_keys(item['loc'][:-1]))}")
        else:
            shown = "" if isinstance(item["input"], dict) else f", got {item['input']!r}"
            parts.append(f"{where or 'settings'}: {item['msg'].removeprefix('Value error, ')}{shown}")
    return "settings cannot be used: " + "; ".join(parts)


def _known_keys(sections: Sequence[int | str]) -> list[str]:
    """Return the valid keys of a section of the settings, given the names of the sections from the outermost to it."""
    kind: Any = TrainingSettings
    for section in sections:
        kind = get_type_hints(kind)[str(section)]
    return list(kind.model_fields) if issubclass(kind, BaseModel) else [field.name for field in fields(kind)]


class _Loader(yaml.SafeLoader):
    """Reads plain values as YAML 1.2 does: 1e-4 is a number, and off, on, yes and no are text; none is null too."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


for _tag, _pattern, _first in (
    ("float", r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$", "-+0123456789"),
    ("bool", r"^(true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(none|None|NONE)$", "nN"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))
