"""Weights in a safetensors file with settings and metrics in the header; nothing is ever unpickled."""

import json
import os
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from hepareg.errors import FileFormatError, SettingsError
from hepareg.networks.registration_net import RegistrationNet, RegistrationNetSettings
from hepareg.networks.settings import settings_from_values, settings_to_values

__all__ = ["LoadedWeights", "load_weights", "save_weights"]

FORMAT = "hepareg.RegistrationNet"
VERSION = "1"


@dataclass(frozen=True)
class LoadedWeights:
    """A network with its trained weights, and the metadata of its file."""

    net: RegistrationNet
    """In evaluation mode, on the CPU."""
    metrics: dict[str, Any]
    """Metrics and settings of the training; empty if the file has none."""
    preprocessing: dict[str, Any]
    """Settings of the network's input: spacing, intensity window, region; empty if the file has none."""
    sha256: str
    """Hash of the file."""


def save_weights(
    net: RegistrationNet,
    path: str | Path,
    *,
    metrics: Mapping[str, Any] | None = None,
    preprocessing: Mapping[str, Any] | None = None,
) -> None:
    """Write a network's weights, settings, metrics and preprocessing to a .safetensors file.

    The file is written under a temporary name, synchronised and renamed, so that an interruption at any
    moment leaves an older file unchanged.

    Parameters
    ----------
    net
        Network on any device and in any dtype; the dtype is kept.
    path
        Path of the file; an existing file is replaced.
    metrics, preprocessing
        JSON-serialisable values.
    """
    path = Path(path)
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "settings": json.dumps(settings_to_values(net.settings), sort_keys=True),
        "metrics": json.dumps(dict(metrics or {}), sort_keys=True),
        "preprocessing": json.dumps(dict(preprocessing or {}), sort_keys=True),
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in net.state_dict().items()}
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        save_file(tensors, temporary, metadata=metadata)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def load_weights(path: str | Path) -> LoadedWeights:
    """Read a network from a .safetensors file written by `save_weights`.

    Raises
    ------
    FileFormatError
        If the file is missing, is not a safetensors file (but a pickled checkpoint, for instance), was
        made by another program or version, or has tensors that do not fit its settings.
    """
    try:
        with safe_open(str(path), framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except FileNotFoundError as error:
        raise FileFormatError(f"expected a weights file, found none at {path}; check the path") from error
    except (SafetensorError, OSError) as error:
        raise FileFormatError(
            "expected weights in a .safetensors file written by hepareg, got another kind of file or a damaged one; "
            "pickled checkpoints are not read: export the weights first"
        ) from error
    if metadata.get("format") != FORMAT or metadata.get("version") != VERSION:
        raise FileFormatError(
            f"expected weights of format {FORMAT} version {VERSION}, got {str(metadata.get('format'))[:60]!r} "
            f"version {str(metadata.get('version'))[:60]!r}; use weights written by this version of hepareg"
        )
    try:
        settings = settings_from_values(json.loads(metadata["settings"]))
        _check_shapes(settings, tensors)
        net = RegistrationNet(settings)
        net = net.to(next(iter(tensors.values())).dtype)
        net.load_state_dict(tensors)
        metrics, preprocessing = (json.loads(metadata.get(key, "{}")) for key in ("metrics", "preprocessing"))
        if not isinstance(metrics, dict) or not isinstance(preprocessing, dict):
            raise TypeError
    except (SettingsError, KeyError, TypeError, ValueError, AttributeError, RuntimeError, StopIteration) as error:
        raise FileFormatError(
            "expected weights that fit the settings in their file, got weights of another architecture or a changed "
            "file; train or export them again"
        ) from error
    return LoadedWeights(net.eval(), metrics, preprocessing, sha256(Path(path).read_bytes()).hexdigest())


def _check_shapes(settings: RegistrationNetSettings, tensors: Mapping[str, torch.Tensor]) -> None:
    """Check that a network of the settings has the tensors of its file, before it takes memory; else RuntimeError."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a layer without channels, which fits no tensor
        expected = {name: tensor.shape for name, tensor in RegistrationNet(settings).state_dict().items()}
    if expected != {name: tensor.shape for name, tensor in tensors.items()}:
        raise RuntimeError
