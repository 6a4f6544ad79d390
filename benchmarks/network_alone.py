"""Measure a network's prediction in a process of its own: ``-m benchmarks.network_alone PAIR ANSWER [--weights FILE]``.

With weights, the answer holds the transform. Without, the published architecture runs with untrained weights, which
predict the identity: its time is right, and its transform, which says nothing, is left out. The start is the
translation that joins the masks' centroids. ``call_s`` is of a second call, with images and network in memory.

References
----------
Christodoulidis, S. et al. Linear and deformable image registration with 3D convolutional neural networks. RAMBO
workshop, MICCAI 2018. doi:10.1007/978-3-030-00946-5_2
"""

import argparse
import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.speed.warm import arguments_of, read_operands

__all__ = ["main", "predict", "untrained_published"]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="trained weights; without, the published form untrained")
    arguments = arguments_of(parser)
    answer = predict(arguments.pair, weights=arguments.weights, masks=arguments.masks, threads=arguments.threads)
    arguments.answer.write_text(json.dumps(answer))


def predict(pair: Path, *, weights: Path | None, masks: bool, threads: int) -> dict[str, Any]:
    """Return ``call_s`` and, with trained weights, ``matrix``.

    Raises
    ------
    MaskError
        If there are no masks and the network was trained to need them.
    """
    import torch

    from hepareg.networks.predictor import predict_rigid
    from hepareg.networks.weights import load_weights

    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        network = load_weights(weights or untrained_published(Path(folder) / "untrained.safetensors"))
    operands = read_operands(pair, masks=masks)
    found = predict_rigid(network, **operands)
    begin = time.perf_counter()
    predict_rigid(network, **operands)
    seconds = time.perf_counter() - begin
    return {"call_s": seconds, **({"matrix": found.matrix.tolist()} if weights else {})}


def untrained_published(path: Path) -> Path:
    """Write the published network before training: dilated encoder, global average pooling, twelve numbers."""
    from hepareg import networks
    from hepareg.networks.input_region import RegionSettings
    from hepareg.networks.weights import save_weights

    decoder = networks.AffineRigidDecoderSettings(width=0, hidden=0, moments=False)
    settings = networks.RegistrationNetSettings(encoder=networks.DilatedEncoderSettings(), rigid=decoder)
    save_weights(networks.RegistrationNet(settings), path, preprocessing=asdict(RegionSettings()))
    return path


if __name__ == "__main__":
    main()
