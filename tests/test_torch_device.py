"""A device that is absent is an error in the library's words, before any work."""

import pytest
import torch

from hepareg.errors import DeviceError
from hepareg.torch_device import torch_device


def test_the_processor_is_always_there():
    assert torch_device("cpu") == torch.device("cpu")


def test_an_absent_device_is_an_error_without_a_flag(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="choose the device cpu") as raised:
        torch_device("cuda")
    assert "--" not in str(raised.value)
    assert raised.value.options == ("device",)


def test_a_device_that_is_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert torch_device("cuda:1") == torch.device("cuda", 1)
