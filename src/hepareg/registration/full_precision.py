"""Products of matrices in full single precision, even if the surrounding program allows less."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

__all__ = ["full_precision"]


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Multiply float32 matrices as float32 inside the block, on the processor and on a device.

    A program that trains may have allowed TF32 or bfloat16, for the whole process
    (``torch.set_float32_matmul_precision``) or around a call (``torch.autocast``). With their eight or eleven bits, a
    position in an image of 512 voxels would be accurate to half a voxel. Several threads may be inside the block.
    """
    with torch.autocast("cpu", enabled=False), torch.autocast(device.type, enabled=False):
        _PROCESS.enter()
        try:
            yield
        finally:
            _PROCESS.leave()


class _ProcessSetting:
    """The setting of the whole process: the first thread to enter changes it, the last one to leave restores it."""

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
                    # A backend that inherits its setting from torch is to inherit it again afterwards.
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
