"""Settings of a network as plain values, as they are written beside its weights."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from hepareg.errors import SettingsError
from hepareg.networks.deformable_decoder import DeformableDecoderSettings
from hepareg.networks.parts import ENCODERS, RIGID_DECODERS
from hepareg.networks.registration_net import RegistrationNetSettings

__all__ = ["settings_from_values", "settings_to_values"]


def settings_to_values(settings: RegistrationNetSettings) -> dict[str, Any]:
    """Return the settings as nested dictionaries of plain values; encoder and rigid decoder have a ``name`` each."""
    return {
        "mode": settings.mode,
        "encoder": _with_name(settings.encoder, ENCODERS),
        "rigid": _with_name(settings.rigid, RIGID_DECODERS),
        "deformable": asdict(settings.deformable),
    }


def settings_from_values(values: Mapping[str, Any]) -> RegistrationNetSettings:
    """Return the settings of nested dictionaries of plain values; a missing key has its default.

    Raises
    ------
    SettingsError
        If a name or key is unknown, or a part does not accept a value.

    Examples
    --------
    >>> settings_from_values({"mode": "rigid", "encoder": {"name": "efficient", "channels": [8, 16]}}).encoder.channels
    (8, 16)
    """
    values = dict(values)
    parts: dict[str, Any] = {}
    if "mode" in values:
        parts["mode"] = values.pop("mode")
    if "encoder" in values:
        parts["encoder"] = _named(values.pop("encoder"), ENCODERS, "encoder")
    if "rigid" in values:
        parts["rigid"] = _named(values.pop("rigid"), RIGID_DECODERS, "rigid")
    if "deformable" in values:
        parts["deformable"] = _build(DeformableDecoderSettings, values.pop("deformable"), "deformable")
    if values:
        raise SettingsError(
            f"expected the network settings mode, encoder, rigid, deformable, got {', '.join(sorted(values))}"
        )
    return RegistrationNetSettings(**parts)


def _with_name(part: Any, table: Mapping[str, type]) -> dict[str, Any]:
    name = next(name for name, kind in table.items() if kind is type(part))
    return {"name": name, **asdict(part)}


def _named(values: Mapping[str, Any], table: Mapping[str, type], where: str) -> Any:
    values = dict(values)
    name = values.pop("name", None)
    if name not in table:
        raise SettingsError(f"expected {where}.name to be one of {', '.join(table)}, got {name!r}")
    return _build(table[name], values, where)


def _build(kind: type, values: Mapping[str, Any], where: str) -> Any:
    known = {f.name for f in fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise SettingsError(f"expected {where} settings among {', '.join(sorted(known))}, got {', '.join(unknown)}")
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
