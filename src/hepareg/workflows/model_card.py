"""The page that says what a trained network is, what it was trained on and how well it does."""

from hashlib import sha256
from pathlib import Path
from typing import Any

from hepareg import __version__
from hepareg.networks.settings import settings_to_values
from hepareg.networks.weights import LoadedWeights

__all__ = ["model_card"]

OUTPUTS = {
    "rigid": "six numbers: a rotation vector and a translation, in units of the decoder's scales, about the "
    "region's centre",
    "affine": "twelve numbers: a linear part minus the identity, row by row, and a translation; the polar "
    "decomposition of the linear part gives the rotation",
    "keypoints": "keypoints (N, 7): position in the fixed image, position in the moving image (mm along the voxel "
    "axes from the region's centre), weight; the weighted least-squares rotation and translation (Kabsch) is the "
    "transform",
    "displacement": "displacement (3, I, J, K) in world mm at every voxel of the region, applied before the rigid "
    "transform, where there is one",
}


def _outputs(mode: str, decoder: str) -> list[str]:
    names = {"rigid": [decoder], "deformable": ["displacement"], "both": [decoder, "displacement"]}[mode]
    return [OUTPUTS[name] for name in names]


def model_card(loaded: LoadedWeights, *, file: Path) -> str:
    """Return the card as Markdown: use, data, settings, metrics, hash of the file."""
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
        f"- Raw output: {'; and '.join(_outputs(architecture['mode'], architecture['rigid']['name']))}",
        "",
        "## Input",
        "",
        "Both images on one grid with axes along right, anterior and superior, centred on the bounding box of the "
        "fixed liver mask; the moving image is sampled there under a start (the translation that joins the masks' "
        "centroids). moving_from_fixed = start composed with what is predicted.",
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
            "portal-venous phases, breathing or random motion with a known truth, which training does not use. "
            "No patient's image was used."
        )
    return "Pairs of files, split by patient. Their owner has to say where they come from and under which terms."


def _table(values: dict[str, Any]) -> list[str]:
    rows = [f"| {name} | {value:.4g} |" if isinstance(value, float) else f"| {name} | {value} |"
            for name, value in values.items()]  # fmt: skip
    return ["| | |", "|---|---|", *rows]


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
