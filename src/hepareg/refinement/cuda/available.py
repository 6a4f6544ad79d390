"""Whether the fused kernels of `local_affine_kernels` can be used."""

import warnings
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import torch

__all__ = ["cuda_kernels"]


@cache
def cuda_kernels(device: torch.device) -> ModuleType | None:
    """Return the module of fused kernels for a device, or None where there are none: on the CPU, and without Triton.

    Where Triton is there and cannot build a kernel, for want of a C compiler say, a warning tells so: the tensor
    operations find the same, in several times as long.
    """
    if device.type != "cuda" or find_spec("triton") is None:
        return None
    kernels = import_module("hepareg.refinement.cuda.local_affine_kernels")
    try:
        kernels.probe(device)
    except Exception as error:  # whatever a compiler or a driver may raise
        warnings.warn(
            f"expected Triton to build kernels for {device}, got {type(error).__name__}: registration runs without "
            "them, several times slower; install a C compiler and let the home folder be written to",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    return kernels
