"""Export of networks for other programs, as torch.export and ONNX.

The exported network goes from the pair to numbers, keypoints or a displacement. The rigid geometry after it (matrices,
the weighted fit of keypoints) is not exported: it runs in float64 and takes a few lines in any language; the model card
describes it.
"""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from hepareg._optional import require
from hepareg.networks.deformable_decoder import integrate_gradients
from hepareg.networks.input_region import RegionSettings
from hepareg.networks.registration_net import RegistrationNet

__all__ = ["ONNX_OPSET", "RawNetwork", "example_inputs", "export_onnx", "export_program", "output_names"]

ONNX_OPSET = 20
"""First version of the operators with a five-dimensional GridSample."""

INPUT_NAMES = ("moving", "fixed", "world_from_voxel")


class RawNetwork(nn.Module):
    """Module with the raw rigid output and the displacement of a `RegistrationNet` as outputs; see `output_names`."""

    def __init__(self, net: RegistrationNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, moving: Tensor, fixed: Tensor, world_from_voxel: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs of the network's mode, in the order of `output_names`."""
        raw = self.net.raw(moving, fixed, world_from_voxel)
        outputs = [] if raw.rigid is None else [raw.rigid]
        if raw.gradients is not None and self.net.deformable is not None:
            stride = self.net.deformable.stride
            coarse = integrate_gradients(raw.gradients, world_from_voxel * stride)  # only the 3x3 block matters
            outputs.append(_refined(coarse, stride, fixed.shape[2:]))
        return tuple(outputs)


def _refined(field: Tensor, stride: int, shape: Sequence[int]) -> Tensor:
    """Return a field (B, 3, I', J', K'), given on every ``stride``-th voxel, interpolated linearly to all voxels.

    Multiplies by one matrix an axis, an operation of every runtime. Beyond the last voxel of the field the value of
    its border holds.
    """
    for axis, size in enumerate(shape, start=2):
        last = field.shape[axis] - 1
        position = (torch.arange(size, dtype=field.dtype) / stride).clamp(max=last)
        matrix = (1 - (position[:, None] - torch.arange(last + 1)).abs()).clamp(min=0)
        field = torch.movedim(torch.movedim(field, axis, -1) @ matrix.T, -1, axis)
    return field


def output_names(net: RegistrationNet) -> tuple[str, ...]:
    """Return the names of the outputs: ``rigid`` (raw output of the rigid decoder) and ``displacement`` (mm)."""
    return {"rigid": ("rigid",), "deformable": ("displacement",), "both": ("rigid", "displacement")}[net.settings.mode]


def example_inputs(region: RegionSettings, *, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Return random inputs: moving and fixed (1, 1, I, J, K) and world_from_voxel (1, 4, 4), float32."""
    generator = torch.Generator().manual_seed(seed)
    moving, fixed = (torch.rand(1, 1, *region.shape_vox, generator=generator) * 2 - 1 for _ in range(2))
    spacing = region.spacing_mm if region.spacing_mm is not None else 1.0
    return moving, fixed, torch.diag(torch.tensor([spacing, spacing, spacing, 1.0]))[None]


def export_program(net: RegistrationNet, region: RegionSettings) -> torch.export.ExportedProgram:
    """Return the network as an exported program, for batches of one pair."""
    return torch.export.export(RawNetwork(net).eval(), example_inputs(region))


def export_onnx(net: RegistrationNet, region: RegionSettings, path: str | Path) -> None:
    """Write the network as ONNX, opset `ONNX_OPSET`, weights inside the file.

    Raises
    ------
    MissingExtraError
        If the extra ``export`` is not installed.
    """
    require("onnxscript", extra="export")
    # The exporter warns of the absence of torchvision, which is not needed, and of deprecated calls of its own.
    exporter_log = logging.getLogger("torch.onnx")
    level = exporter_log.level
    exporter_log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                RawNetwork(net).eval(),
                example_inputs(region),
                input_names=list(INPUT_NAMES),
                output_names=list(output_names(net)),
                opset_version=ONNX_OPSET,
                dynamo=True,
                verbose=False,
            )
    finally:
        exporter_log.setLevel(level)
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    program.save(str(path), external_data=False)
