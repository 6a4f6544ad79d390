"""Settings of a network as plain values: what is written beside its weights."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from hepareg.errors import SettingsError
from hepareg.networks.affine_rigid_decoder import AffineRigidDecoderSettings
from hepareg.networks.deformable_decoder import DeformableDecoderSettings
from hepareg.networks.encoder import DilatedEncoderSettings, StridedEncoderSettings
from hepareg.networks.keypoint_decoder import KeypointRigidDecoderSettings
from hepareg.networks.registration_net import RegistrationNetSettings
from hepareg.networks.rigid_decoder import RigidDecoderSettings

__all__ = ["ENCODERS", "RIGID_DECODERS", "settings_from_values", "settings_to_values"]

ENCODERS = {"published": DilatedEncoderSettings, "efficient": StridedEncoderSettings}
"""Names of the encoders, for settings."""

RIGID_DECODERS = {
    "rigid": RigidDecoderSettings,
    "affine": AffineRigidDecoderSettings,
    "keypoints": KeypointRigidDecoderSettings,
}
"""Names of the rigid decoders, for settings."""


def settings_to_values(settings: RegistrationNetSettings) -> dict[str, Any]:
    """Return the settings as nested dictionaries of plain values, each part with its ``name``."""
    return {
        "mode": settings.mode,
        "encoder": {"name": _name(settings.encoder, ENCODERS), **asdict(settings.encoder)},
        "rigid": {"name": _name(settings.rigid, RIGID_DECODERS), **asdict(settings.rigid)},
        "deformable": asdict(settings.deformable),
    }


def settings_from_values(values: Mapping[str, Any]) -> RegistrationNetSettings:
    """Return the settings of nested dictionaries; what is left out has its default.

    Raises
    ------
    SettingsError
        On an unknown name or key, or a value that a part does not accept.

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


def _name(part: Any, family: Mapping[str, type]) -> str:
    return next(name for name, cls in family.items() if cls is type(part))


def _named(values: Mapping[str, Any], family: Mapping[str, type], where: str) -> Any:
    values = dict(values)
    name = values.pop("name", None)
    if name not in family:
        raise SettingsError(f"expected {where}.name to be one of {', '.join(family)}, got {name!r}")
    return _build(family[name], values, where)


def _build(cls: type, values: Mapping[str, Any], where: str) -> Any:
    known = {f.name for f in fields(cls)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise SettingsError(f"expected {where} settings among {', '.join(sorted(known))}, got {', '.join(unknown)}")
    return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
