"""Trained weights that come with the package: a .safetensors file each, its settings and metrics beside it."""

from pathlib import Path

from hepareg.errors import SettingsError

__all__ = ["trained_weights"]

NAMES = ("small",)


def trained_weights(name: str = "small") -> Path:
    """Return the file of weights that were trained with a preset of that name; read it with `load_weights`.

    Raises
    ------
    SettingsError
        If there are none of that name.
    """
    if name not in NAMES:
        raise SettingsError(f"expected trained weights named {', '.join(NAMES)}, got {name!r}; train your own")
    return Path(__file__).with_name(f"{name}.safetensors")
