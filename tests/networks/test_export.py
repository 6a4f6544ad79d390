import numpy as np
import pytest
import torch

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
from hepareg.networks.export import ONNX_OPSET, RawNetwork, example_inputs, export_onnx, export_program, output_names
from hepareg.networks.input_region import RegionSettings

REGION = RegionSettings((20, 16, 18), 4.0)
SMALL = StridedEncoderSettings(channels=(4, 8))
VARIANTS = {
    "rigid": RegistrationNetSettings(encoder=SMALL, rigid=RigidDecoderSettings(width=8, hidden=8)),
    "affine": RegistrationNetSettings(encoder=SMALL, rigid=AffineRigidDecoderSettings(width=8, hidden=8)),
    "keypoints": RegistrationNetSettings(encoder=SMALL, rigid=KeypointRigidDecoderSettings(points_per_axis=2, width=8)),
    "both": RegistrationNetSettings(mode="both", encoder=SMALL, rigid=RigidDecoderSettings(width=8, hidden=8)),
    "published": RegistrationNetSettings(
        encoder=DilatedEncoderSettings(channels=(4, 4), dilations=(1, 2)), rigid=RigidDecoderSettings(width=8, hidden=8)
    ),
    "deformable": RegistrationNetSettings(mode="deformable", encoder=SMALL, deformable=DeformableDecoderSettings()),
}


def trained(settings):
    """A network whose last layers are not at zero, so that its outputs depend on its input."""
    torch.manual_seed(0)
    net = RegistrationNet(settings).eval()
    for parameter in net.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return net


@pytest.mark.parametrize("variant", ["deformable", "both"])
def test_the_displacement_is_the_networks_own(variant):
    net, inputs = trained(VARIANTS[variant]), example_inputs(REGION, seed=2)
    with torch.no_grad():
        expected, exported = net(*inputs).displacement, RawNetwork(net)(*inputs)[-1]
    assert exported.shape == expected.shape
    assert expected.abs().max() > 1.0
    assert (exported - expected).abs().max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_onnx_and_the_exported_program_equal_eager(variant, tmp_path):
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    net = trained(VARIANTS[variant])
    path = tmp_path / "network.onnx"
    export_onnx(net, REGION, path)
    assert [file.name for file in tmp_path.iterdir()] == ["network.onnx"]
    assert {entry.version for entry in onnx.load(path).opset_import if entry.domain == ""} == {ONNX_OPSET}
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    program = export_program(net, REGION).module()
    assert [output.name for output in session.get_outputs()] == list(output_names(net))
    inputs = example_inputs(REGION, seed=1)
    with torch.no_grad():
        eager, exported = RawNetwork(net)(*inputs), program(*inputs)
        other = RawNetwork(net)(inputs[1], inputs[0] * torch.linspace(0, 1, 18), inputs[2])
    names = ("moving", "fixed", "world_from_voxel")
    needed = {item.name for item in session.get_inputs()}
    given = {name: value.numpy() for name, value in zip(names, inputs, strict=True) if name in needed}
    for one, two, three, four in zip(eager, exported, session.run(None, given), other, strict=True):
        assert np.abs(one.numpy() - three).max() < 1e-4
        assert (one - two).abs().max() < 1e-5
        assert (one - four).abs().max() > 1e-3, "the outputs do not depend on the images"
