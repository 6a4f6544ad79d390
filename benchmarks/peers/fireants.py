"""FireANTs: rigid registration on a CUDA device, through its documented interface alone.

Its licence restricts copying, so it is called and nothing of it is taken over. With masks: the schedule of its page
on rigid matching (scales 4, 2, 1; 200, 100, 50 iterations; windows of 5 voxels), the loss ``masked_cc`` of its page on
masked losses, which wants the mask as the last channel of both images, the mask-centroid start as
``init_translation``, and the call's default learning rate of 0.03. All iterations are done (``max_tolerance_iters``):
its test of convergence ended the finest level early, 0.54 mm off on the known pair of `benchmarks.peers.proof` where
all iterations end 0.06 mm off. That page's learning rate of 0.0003 left 0.7 and 1.9 mm on two simulated pairs where
0.03 left 0.2 and 0.1 mm. These settings were chosen by error, in its favour: about 45 runs on a processor, on the known
pair and on two simulated ones. The fused CUDA operations that its pages recommend are no part of the package and not
installed. Without masks: the rigid stage of its command line's example (mutual information with 16 bins
of intensities between 0 and 1; shrink factors 8, 4, 2, 1; 100, 50, 25, 10 iterations; learning rate 0.03) from centres
of mass, the first moments of `MomentsRegistration`; from there local correlation went away from the known answer.
``get_rigid_matrix`` takes fixed to moving points, LPS.

It asks for SimpleITK 2.2.1, with which it reads images: installed with ``--no-deps``, it uses the one that is there.

References
----------
Jena, Chaudhari, Gee, "FireANTs: adaptive Riemannian optimization for multi-scale diffeomorphic
matching", 2024. doi:10.48550/arXiv.2404.01249; https://fireants.readthedocs.io/en/latest/
"""

import shutil
import time
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.inputs import LPS_FROM_RAS, Found, Inputs, rigid
from benchmarks.peers.preparation import WINDOW_HU

NAME = "FireANTs"
WITH_MASKS = {"loss_type": "masked_cc", "cc_kernel_size": 5, "scales": [4, 2, 1], "iterations": [200, 100, 50],
              "optimizer_lr": 0.03, "max_tolerance_iters": 1000}  # fmt: skip
WITHOUT_MASKS = {"loss_type": "mi", "mi_kernel_type": "gaussian", "loss_params": {"num_bins": 16},
                 "scales": [8, 4, 2, 1], "iterations": [100, 50, 25, 10], "optimizer_lr": 0.03}  # fmt: skip
MOMENTS_SCALE = 4


def missing() -> str | None:
    """Return why FireANTs cannot run here, or None: it is measured on a CUDA device and on nothing else."""
    if shutil.which("nvidia-smi") is None:
        return "no CUDA device on this machine"
    if find_spec("fireants") is None:
        return "not installed: pip install --no-deps fireants"
    import torch

    return None if torch.cuda.is_available() else "the torch that is installed cannot use the CUDA device"


def version() -> str:
    """Return the installed version."""
    from importlib.metadata import version

    return version("fireants")


def find(inputs: Inputs, *, device: str = "cuda") -> Found:
    """Register one pair; ``device="cpu"`` is for proving the convention, the benchmark uses CUDA alone."""
    return register(inputs, *read(inputs, device=device), device=device)


def read(inputs: Inputs, *, device: str) -> list[Any]:
    """Return the fixed and the moving image on the device: with masks HU and the mask, without them 0 to 1."""
    import SimpleITK as sitk
    import torch
    from fireants.io import BatchedImages, Image
    from fireants.io.imagemask import apply_mask_to_image

    def load(path: Path, *, scaled: bool = False) -> Any:
        image = sitk.ReadImage(str(path), sitk.sitkFloat32)
        low, high = WINDOW_HU
        return Image((image - low) / (high - low) if scaled else image, device=device, dtype=torch.float32)

    if inputs.fixed_mask is None:
        return [BatchedImages([load(path, scaled=True)]) for path in (inputs.fixed, inputs.moving)]
    pairs = ((inputs.fixed, inputs.fixed_mask), (inputs.moving, inputs.moving_mask))
    return [BatchedImages([apply_mask_to_image(load(image), load(mask))]) for image, mask in pairs]


def register(inputs: Inputs, fixed: Any, moving: Any, *, device: str) -> Found:
    """Register what `read` returned; its time ends when the matrix is in the host's memory."""
    import torch
    from fireants.registration.rigid import RigidRegistration

    torch.set_num_threads(inputs.threads)
    if device == "cuda":
        torch.cuda.synchronize()
    begin = time.perf_counter()
    registration = RigidRegistration(
        fixed_images=fixed,
        moving_images=moving,
        optimizer="Adam",
        progress_bar=False,
        **deepcopy(WITH_MASKS if inputs.fixed_mask else WITHOUT_MASKS),
        **(_start(inputs, device) if inputs.start else _centres_of_mass(fixed, moving)),
    )
    registration.optimize()
    matrix = registration.get_rigid_matrix()[0].detach().cpu().numpy().astype(np.float64)
    seconds = time.perf_counter() - begin
    return Found(rigid(LPS_FROM_RAS @ matrix @ LPS_FROM_RAS, centre_mm=inputs.centre_mm), seconds)


def _start(inputs: Inputs, device: str) -> dict[str, Any]:
    import torch

    translation = (LPS_FROM_RAS @ inputs.start.matrix @ LPS_FROM_RAS)[:3, 3]
    return {"init_translation": torch.as_tensor(translation[None], dtype=torch.float32, device=device)}


def _centres_of_mass(fixed: Any, moving: Any) -> dict[str, Any]:
    from fireants.registration.moments import MomentsRegistration

    moments = MomentsRegistration(scale=MOMENTS_SCALE, fixed_images=fixed, moving_images=moving, moments=1)
    moments.optimize()
    return {"init_translation": moments.get_rigid_transl_init(), "init_moment": moments.get_rigid_moment_init()}
