"""Memory of one training step: a region of 200 x 512 x 512 voxels fits into 12 GB with the efficient encoder.

What torch allocates is counted on the CPU at two small sizes and carried on in proportion to the voxels; on a GPU the
step itself is measured. Everything counts: network, warp, MIND over the whole region, gradients, Adam.
"""

import pytest
import torch
from torch.distributed._tools.mem_tracker import MemTracker

from hepareg.networks import DilatedEncoderSettings, RegistrationNet, RegistrationNetSettings, StridedEncoderSettings
from hepareg.similarity import mind
from hepareg.training.loss import PairTensors, training_loss
from hepareg.training.loss_settings import LossSettings

LIMIT_BYTES = 12e9
SPACING_MM = 1.0


def step(net, optimiser, shape, *, dtype):
    """Train on one pair whose masks fill the region."""
    device = next(net.parameters()).device
    moving, fixed = (torch.rand(1, 1, *shape, device=device) for _ in range(2))
    mask = torch.ones_like(fixed)
    places = torch.diag(torch.tensor([SPACING_MM] * 3 + [1.0], dtype=torch.float64, device=device))[None]
    pairs = PairTensors(moving, fixed, moving_mask=mask, fixed_mask=mask, world_from_voxel=places)
    with torch.autocast(device.type, dtype=dtype):
        terms = training_loss(LossSettings(similarity={"mind": 1.0}), net(moving, fixed, places), pairs)
    optimiser.zero_grad()
    terms["loss"].mean().backward()
    optimiser.step()


def peak_bytes(encoder, shape):
    net = RegistrationNet(RegistrationNetSettings(encoder=encoder)).train()
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-4)
    tracker = MemTracker()
    tracker.track_external(net, optimiser)
    with tracker:
        step(net, optimiser, shape, dtype=torch.bfloat16)
    return tracker.get_tracker_snapshot("peak")[torch.device("cpu")]["Total"]


def extrapolated(encoder, shapes, shape):
    """Return the bytes of a large region from those of two small ones."""
    voxels = [a * b * c for a, b, c in (*shapes, shape)]
    low, high = (peak_bytes(encoder, small) for small in shapes)
    return low + (high - low) / (voxels[1] - voxels[0]) * (voxels[2] - voxels[0])


@pytest.mark.slow
def test_the_efficient_encoder_trains_on_200_slices_of_512_by_512_in_12_gb(monkeypatch):
    whole, halo = mind.SLAB_VOXELS, 2 * (3 + 3) * 200 * 512  # of voxels; 3 mm to a neighbour and 3 mm of patch
    monkeypatch.setattr(mind, "SLAB_VOXELS", 30_000)  # small enough for both sizes to be compared slab by slab
    num_bytes = extrapolated(StridedEncoderSettings(), [(20, 40, 56), (28, 56, 96)], (200, 512, 512))
    slab = 500 * (whole + halo)  # at its true size, about half a kilobyte a voxel
    print(f"efficient: {(num_bytes + slab) / 1e9:.1f} GB")
    assert num_bytes + slab < LIMIT_BYTES


@pytest.mark.slow
def test_the_published_encoder_trains_at_2_mm_in_12_gb():
    encoder = DilatedEncoderSettings(checkpoint=True)
    num_bytes = extrapolated(encoder, [(20, 20, 20), (36, 36, 24)], (200, 200, 100))
    print(f"published: {num_bytes / 1e9:.1f} GB")
    assert num_bytes < LIMIT_BYTES


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_the_peak_on_a_gpu():
    net = RegistrationNet(RegistrationNetSettings(encoder=StridedEncoderSettings())).cuda().train()
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-4)
    torch.cuda.reset_peak_memory_stats()
    for _ in range(2):
        step(net, optimiser, (200, 512, 512), dtype=torch.float16)
    print(f"efficient: {torch.cuda.max_memory_allocated() / 1e9:.2f} GB")
    assert torch.cuda.max_memory_allocated() <= LIMIT_BYTES
