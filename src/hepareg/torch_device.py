"""The device on which tensors are computed."""

import torch

from hepareg.errors import DeviceError

__all__ = ["torch_device"]


def torch_device(name: str) -> torch.device:
    """Return the device of a name, ``cpu`` or ``cuda``.

    Raises
    ------
    DeviceError
        If CUDA is asked for and this machine has no CUDA device that torch can use.
    """
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "expected a CUDA device, got none on this machine; choose the device cpu", options=("device",)
        )
    return device
