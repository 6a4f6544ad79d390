"""Trained weights that come with the package: a .safetensors file for each, with settings and metrics as JSON."""

from pathlib import Path

from hepareg.errors import SettingsError

__all__ = ["trained_weights"]

NAMES = ("small",)


def trained_weights(name: str = "small") -> Path:
    """Return the file of the weights that were trained with a preset; `load_weights` reads it.

    Raises
    ------
    SettingsError
        If the package has no weights of that name.
    """
    if name not in NAMES:
        raise SettingsError(f"expected trained weights named {', '.join(NAMES)}, got {name!r}; train your own")
    return Path(__file__).with_name(f"{name}.safetensors")
