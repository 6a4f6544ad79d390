"""Products of matrices in full single precision, whatever the program around has allowed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

__all__ = ["full_precision"]


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Multiply float32 matrices as float32 inside the block, on the processor and on a device.

    A program that trains may have allowed TF32 or bfloat16, for all of the process
    (``torch.set_float32_matmul_precision``) or around a call (``torch.autocast``): eight or eleven bits, with which a
    voxel's place in an image of 512 would be known to half a voxel. Threads may be in the block at once.
    """
    with torch.autocast("cpu", enabled=False), torch.autocast(device.type, enabled=False):
        _PROCESS.enter()
        try:
            yield
        finally:
            _PROCESS.leave()


class _ProcessSetting:
    """The process's own setting: the first thread in changes it, the last one out restores it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._changed: list[tuple[Any, str]] = []

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside > 1:
                return
            for backend in (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul):  # type: ignore[attr-defined]
                precision = backend.fp32_precision
                if precision not in ("ieee", "none"):
                    # What a backend has from the setting above it, it is to have from there again.
                    inherited = precision == torch.backends.fp32_precision  # type: ignore[attr-defined]
                    self._changed.append((backend, "none" if inherited else precision))
                    backend.fp32_precision = "ieee"

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            while not self._inside and self._changed:
                backend, precision = self._changed.pop()
                backend.fp32_precision = precision


_PROCESS = _ProcessSetting()
