"""Small valid manifests, and the weights of a small network."""

import json

import torch

from tests.fuzz.seeds.images import IMAGES
from tests.fuzz.seeds.seed import Seed, written

__all__ = ["TABLES"]

ROWS = [
    {"case": "one", "moving": "a.nii.gz", "fixed": "a.nii.gz", "moving_mask": "m.nii.gz", "mask_label": "1"},
    {"case": "two", "moving": "a.nii.gz", "fixed": "a.nii.gz", "patient": "p", "split": "train"},
]
CSV = b"case,moving,fixed,moving_mask,mask_label,patient,split,moving_phase\n" \
    b"one,a.nii.gz,a.nii.gz,m.nii.gz,1,p,train,arterial\ntwo,a.nii.gz,a.nii.gz,,,p,train,delayed\n"  # fmt: skip


def _with_images(name: str, content: bytes) -> dict[str, bytes]:
    return {name: content, **IMAGES["nifti_gz"]().files, **IMAGES["nifti_mask"]().files}


def _weights() -> dict[str, bytes]:
    from hepareg.networks import (
        KeypointRigidDecoderSettings,
        RegistrationNet,
        RegistrationNetSettings,
        StridedEncoderSettings,
    )
    from hepareg.networks.weights import save_weights

    settings = RegistrationNetSettings("both", StridedEncoderSettings((4, 6)), KeypointRigidDecoderSettings(2, 4))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = RegistrationNet(settings)
    preprocessing = {"shape_vox": [16, 16, 16], "spacing_mm": 3.0, "window_hu": [-150.0, 350.0]}
    files = written(
        lambda folder: save_weights(net, folder / "a.safetensors", metrics={"tre": 1.0}, preprocessing=preprocessing)
    )
    return {name: _with_sorted_header(raw) for name, raw in files.items()}


def _with_sorted_header(raw: bytes) -> bytes:
    """Return a file whose header lists its metadata in a fixed order; safetensors writes them in any."""
    size = int.from_bytes(raw[:8], "little")
    header = json.dumps(json.loads(raw[8 : 8 + size]), sort_keys=True).encode()
    return len(header).to_bytes(8, "little") + header + raw[8 + size :]


TABLES = {
    "manifest_csv": lambda: Seed("manifest", "a.csv", _with_images("a.csv", CSV), (), True),
    "manifest_json": lambda: Seed(
        "manifest", "a.json", _with_images("a.json", json.dumps(ROWS, indent=1).encode()), ("json",), True
    ),
    "weights": lambda: Seed("weights", "a.safetensors", _weights(), ("safetensors",)),
}
