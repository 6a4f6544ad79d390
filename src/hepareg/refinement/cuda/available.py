"""The fused kernels of a device, if they can be used."""

import warnings
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import cast

import torch

from hepareg.refinement.local_affine import Kernels

__all__ = ["cuda_kernels"]


@cache
def cuda_kernels(device: torch.device) -> Kernels | None:
    """Return the fused kernels of a device, or None on the CPU and without Triton.

    If Triton is installed and cannot build a kernel, for example without a C compiler, a warning says so. The tensor
    operations then give the same result, several times slower.
    """
    if device.type != "cuda" or find_spec("triton") is None:
        return None
    kernels = import_module("hepareg.refinement.cuda.kernels")
    try:
        kernels.probe(device)
    except Exception as error:  # a compiler or a driver may raise anything
        warnings.warn(
            f"expected Triton to build kernels for {device}, got {type(error).__name__}: registration runs without "
            "them, several times slower; install a C compiler and let the home folder be written to",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    return cast(Kernels, kernels)
