"""Whether the fused kernels of `local_affine_kernels` can be used."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import torch

__all__ = ["cuda_kernels"]


@cache
def cuda_kernels(device: torch.device) -> ModuleType | None:
    """Return the module of fused kernels for a device, or None where there are none: on the CPU, and without Triton."""
    if device.type != "cuda" or find_spec("triton") is None:
        return None
    return import_module("hepareg.optimisation.local_affine_kernels")
