"""The raw outputs leave Python unchanged: torch.export, and ONNX in onnxruntime (no decomposition in the way)."""

import warnings
from itertools import product

import pytest
import torch
from torch import nn

from hepareg.networks import (
    AffineRigidDecoderSettings,
    DeformableDecoderSettings,
    DilatedEncoderSettings,
    KeypointRigidDecoderSettings,
    RegistrationNet,
    RegistrationNetSettings,
    RigidDecoderSettings,
    StridedEncoderSettings,
)

ENCODERS = {"published": DilatedEncoderSettings((4, 6), (1, 2)), "efficient": StridedEncoderSettings((4, 6))}
DECODERS = {
    "rigid": RigidDecoderSettings(width=4, hidden=8),
    "affine": AffineRigidDecoderSettings(width=4, hidden=8),
    "keypoints": KeypointRigidDecoderSettings(points_per_axis=2, width=4),
}


class Raw(nn.Module):
    """The part of a network before any geometry in float64."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, moving, fixed, world_from_voxel):
        raw = self.net.raw(moving, fixed, world_from_voxel)
        return tuple(x for x in (raw.rigid, raw.gradients) if x is not None)


def make(encoder, decoder):
    torch.manual_seed(0)
    settings = RegistrationNetSettings("both", ENCODERS[encoder], DECODERS[decoder], DeformableDecoderSettings((6,)))
    net = RegistrationNet(settings).eval()
    for parameter in net.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.3)
    images = torch.rand(2, 1, 1, 12, 11, 10).unbind(0)
    return Raw(net), (*images, torch.diag(torch.tensor([3.0, 2.0, 4.0, 1.0], dtype=torch.float64))[None])


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "decoder"), product(ENCODERS, DECODERS))
def test_torch_export(encoder, decoder):
    raw, inputs = make(encoder, decoder)
    exported = torch.export.export(raw, inputs).module()
    for theirs, ours in zip(exported(*inputs), raw(*inputs), strict=True):
        torch.testing.assert_close(theirs, ours, atol=1e-5, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "decoder"), product(ENCODERS, DECODERS))
def test_onnx(tmp_path, encoder, decoder):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    raw, inputs = make(encoder, decoder)
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(raw, inputs, str(path), opset_version=20, dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(str(path))
    names = [node.name for node in session.get_inputs()]
    outputs = session.run(None, {n: x.numpy() for n, x in zip(names, inputs, strict=True)})
    for theirs, ours in zip(outputs, raw(*inputs), strict=True):
        torch.testing.assert_close(torch.tensor(theirs), ours.detach(), atol=1e-4, rtol=1e-4)
