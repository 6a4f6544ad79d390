"""Pairs made in torch: exact truth, own noise, the same batch for the same seed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hepareg.errors import SettingsError
from hepareg.simulation import MotionSettings
from hepareg.simulation.pairs.anatomy_bank import make_bank
from hepareg.simulation.pairs.device_pairs import DevicePairSettings, simulate_on_device

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
SETTINGS = DevicePairSettings(
    motion=MotionSettings(
        kind="random",
        translation_mm=(6, 6),
        rotation_deg=(6, 6),
        body_translation_mm=(4, 4),
        body_rotation_deg=(5, 5),
    )
)


@pytest.fixture(scope="module")
def bank():
    return make_bank(number=2, seed=0, size=48, spacing_mm=6.0)


def centroid(mask, world_from_voxel):
    voxels = torch.nonzero(mask)[:, 1:].double().mean(0)
    return (world_from_voxel[:3, :3] @ voxels + world_from_voxel[:3, 3]).numpy()


@pytest.mark.parametrize("device", DEVICES)
def test_liver_lies_where_the_truth_says(bank, device):
    pairs = simulate_on_device(bank.to(device), batch_size=4, settings=SETTINGS, rng=np.random.default_rng(1))
    for n in range(4):
        fixed, moving = (
            centroid(m[n].cpu(), pairs.world_from_voxel.cpu()) for m in (pairs.fixed_liver, pairs.moving_liver)
        )
        truth = pairs.moving_from_fixed[n].cpu().numpy()
        moved_whole = float(pairs.moving_liver[n].sum() / pairs.fixed_liver[n].sum())
        assert moved_whole == pytest.approx(1, abs=0.01)
        # Counting some 6,000 voxels of 6 mm places a centroid to a few tenths of a millimetre.
        assert np.abs(truth[:3, :3] @ fixed + truth[:3, 3] - moving).max() < 0.6


def test_images_show_what_they_should(bank):
    pairs = simulate_on_device(bank, batch_size=3, settings=SETTINGS, rng=np.random.default_rng(2))
    assert pairs.moving.shape == (3, 1, 48, 48, 48)
    assert pairs.moving.dtype == torch.float32
    for n in range(3):
        portal, arterial = (
            float(i[n][m[n]].median())
            for i, m in ((pairs.fixed, pairs.fixed_liver), (pairs.moving, pairs.moving_liver))
        )
        assert 60 < portal < 160
        assert 40 < arterial < portal


def test_the_two_images_do_not_share_their_noise(bank):
    noisy, clean = (
        simulate_on_device(
            bank, batch_size=2, settings=replace(SETTINGS, noise_hu=(hu, hu)), rng=np.random.default_rng(6)
        )
        for hu in (10.0, 0.0)
    )
    moving, fixed = (noisy.moving - clean.moving).flatten(), (noisy.fixed - clean.fixed).flatten()
    assert float(moving.std()) == pytest.approx(10, rel=0.02)
    assert abs(float(torch.corrcoef(torch.stack([moving, fixed]))[0, 1])) < 0.02


def test_same_seed_same_batch(bank):
    one, two, other = (
        simulate_on_device(bank, batch_size=2, settings=SETTINGS, rng=np.random.default_rng(s)) for s in (3, 3, 4)
    )
    assert torch.equal(one.moving, two.moving)
    assert torch.equal(one.moving_from_fixed, two.moving_from_fixed)
    assert not torch.equal(one.moving, other.moving)


def test_motions_are_rigid(bank):
    pairs = simulate_on_device(bank, batch_size=2, settings=SETTINGS, rng=np.random.default_rng(5))
    R = pairs.moving_from_fixed[:, :3, :3]
    assert torch.allclose(R @ R.transpose(1, 2), torch.eye(3, dtype=torch.float64).expand(2, 3, 3), atol=1e-12)


def test_grid_too_small():
    with pytest.raises(SettingsError, match="150 mm"):
        make_bank(number=1, seed=0, size=20, spacing_mm=2.0)
