"""Model card of a trained network: use, input, training data, metrics and settings."""

from hashlib import sha256
from pathlib import Path
from typing import Any

from hepareg import __version__
from hepareg.networks import RegistrationNetSettings
from hepareg.networks.settings import settings_to_values
from hepareg.networks.weights import LoadedWeights

__all__ = ["model_card"]

DISPLACEMENT = (
    "displacement (3, I, J, K) in world mm at every voxel of the region, applied before the rigid transform "
    "if there is one"
)


def _outputs(settings: RegistrationNetSettings) -> list[str]:
    """Return the raw outputs of a network in words."""
    return {
        "rigid": [settings.rigid.raw_output],
        "deformable": [DISPLACEMENT],
        "both": [settings.rigid.raw_output, DISPLACEMENT],
    }[settings.mode]


def model_card(loaded: LoadedWeights, *, file: Path) -> str:
    """Return the model card as Markdown."""
    settings = loaded.metrics.get("settings", {})
    architecture = settings_to_values(loaded.net.settings)
    validation = loaded.metrics.get("validation", {})
    num_parameters = sum(parameter.numel() for parameter in loaded.net.parameters())
    lines = [
        "# Model card",
        "",
        "Rigid registration of two phases of a contrast-enhanced liver CT. Research use only, not a medical device.",
        "",
        f"- Made with: hepareg {__version__}",
        f"- SHA-256 of weights.safetensors: `{sha256(file.read_bytes()).hexdigest()}`",
        f"- Size: {file.stat().st_size / 1e6:.2f} MB, {num_parameters:,} parameters",
        f"- Network: mode {architecture['mode']}, encoder {architecture['encoder']['name']}, "
        f"decoder {architecture['rigid']['name']}",
        f"- Raw output: {'; and '.join(_outputs(loaded.net.settings))}",
        "",
        "## Input",
        "",
        "Both images on one grid with axes along right, anterior and superior, centred on the bounding box of the "
        "fixed liver mask; the moving image is sampled there under a start (the translation that joins the masks' "
        "centroids). moving_from_fixed = start composed with the prediction.",
        "",
        *_table(loaded.preprocessing),
        "",
        "## Training data",
        "",
        _data_text(settings.get("data", {})),
        "",
        "## Metrics at validation",
        "",
        *(_table(validation) if validation else ["None were recorded."]),
        "",
        "## Settings",
        "",
        *_table(_flat(settings)),
        "",
    ]
    return "\n".join(lines)


def _data_text(data: dict[str, Any]) -> str:
    if not data:
        return "Not recorded."
    if data.get("source") == "simulated":
        number = data["simulated"]["num_anatomies"]
        return (
            f"Simulated only: {number if number is not None else 'endlessly many'} procedural anatomies, arterial and "
            "portal-venous phases, breathing or random motion. The truth is known, but training does not use it. "
            "No patient's image was used."
        )
    return "Pairs of files, split by patient. The owner of the files has to state their origin and licence."


def _table(values: dict[str, Any]) -> list[str]:
    rows = [f"| {name} | {value:.4g} |" if isinstance(value, float) else f"| {name} | {value} |"
            for name, value in values.items()]  # fmt: skip
    return ["| | |", "|---|---|", *rows]


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
