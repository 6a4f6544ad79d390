"""Workflow of `hepareg export`: weights, model card, and the network in formats of other programs."""

import json
import shutil
from pathlib import Path
from typing import Any

from hepareg.networks.export import ONNX_OPSET, export_onnx, export_program, output_names
from hepareg.networks.predictor import region_of
from hepareg.networks.weights import LoadedWeights, load_weights
from hepareg.workflows.atomic import atomic_directory, check_output_directory, check_replaceable
from hepareg.workflows.model_card import model_card

__all__ = ["FORMATS", "export"]

FORMATS = ("torch", "onnx")
OUTPUT_NAMES = ("weights.safetensors", "model_card.md", "model.json", "network.pt2", "network.onnx")


def export(
    weights: str | Path, *, out: str | Path, formats: tuple[str, ...] = FORMATS, overwrite: bool = False
) -> list[str]:
    """Write weights, ``model_card.md`` and ``model.json``, and ``network.pt2`` and ``network.onnx`` if asked.

    Parameters
    ----------
    weights
        File of a trained network.
    out
        Folder for the files.
    formats
        Some of `FORMATS`: ``torch`` writes ``network.pt2``, ``onnx`` writes ``network.onnx``.
    overwrite
        Whether ``out`` may exist; it then has to hold an older export and nothing else, which is replaced.

    Returns
    -------
    list of str
        Names of the files in ``out``.

    Raises
    ------
    FileFormatError
        If the weights cannot be read.
    OutputError
        If the folder holds files, or with ``overwrite`` anything but an older export.
    MissingExtraError
        If ONNX is asked for and the extra ``export`` is not installed.
    """
    check_output_directory(out, overwrite=overwrite)
    if overwrite:
        check_replaceable(out, own=OUTPUT_NAMES, inputs=[Path(weights)])
    loaded = load_weights(weights)
    region = region_of(loaded)
    with atomic_directory(out, overwrite=overwrite) as folder:
        shutil.copyfile(weights, folder / "weights.safetensors")
        (folder / "model_card.md").write_text(model_card(loaded, file=folder / "weights.safetensors"))
        (folder / "model.json").write_text(json.dumps(_description(loaded), indent=1, sort_keys=True) + "\n")
        if "torch" in formats:
            import torch

            torch.export.save(export_program(loaded.net, region), folder / "network.pt2")
        if "onnx" in formats:
            export_onnx(loaded.net, region, folder / "network.onnx")
        return sorted(path.name for path in folder.iterdir())


def _description(loaded: LoadedWeights) -> dict[str, Any]:
    return {
        "inputs": {"moving": "(1, 1, I, J, K)", "fixed": "(1, 1, I, J, K)", "world_from_voxel": "(1, 4, 4)"},
        "outputs": list(output_names(loaded.net)),
        "onnx_opset": ONNX_OPSET,
        "preprocessing": loaded.preprocessing,
        "metrics": loaded.metrics,
    }
