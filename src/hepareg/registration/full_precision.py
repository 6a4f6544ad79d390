"""Products of matrices in full single precision, whatever the program around has allowed."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["full_precision"]


@contextmanager
def full_precision() -> Iterator[None]:
    """Multiply float32 matrices as float32 inside the block.

    A program that trains may have allowed TF32 or bfloat16 (``torch.set_float32_matmul_precision``): eight or eleven
    bits, with which a voxel's place in an image of 512 would be known to half a voxel. The setting is the process's.
    """
    backends = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)  # type: ignore[attr-defined]
    before = [backend.fp32_precision for backend in backends]
    try:
        for backend in backends:
            backend.fp32_precision = "ieee"
        yield
    finally:
        for backend, precision in zip(backends, before, strict=True):
            backend.fp32_precision = precision
