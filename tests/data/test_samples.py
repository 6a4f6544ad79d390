import numpy as np
import pytest
import torch

from hepareg.data.augmentation import PairKey
from hepareg.data.case_pair import prepare_pair
from hepareg.data.samples import NUM_POINTS, TrainingSamples, ValidationSamples
from hepareg.data.settings import AugmentationSettings, DataSettings
from hepareg.networks.input_region import RegionSettings

REGION = RegionSettings((40, 32, 28), 4.0)
QUIET = {"intensity_gain": 0.0, "intensity_offset_hu": 0.0, "noise_hu": 0.0, "enhancement_hu": 0.0}


@pytest.fixture
def pair_at(oblique_pair):
    prepared = prepare_pair(oblique_pair, region=REGION, margin_mm=30.0)
    return lambda index: prepared


def training_samples(pair_at, **augmentation):
    settings = DataSettings(region=REGION, augmentation=AugmentationSettings(**augmentation))
    return TrainingSamples(pair_at, 1, settings=settings, seed=0)


def test_equal_keys_give_equal_samples_and_others_do_not(pair_at):
    samples = training_samples(pair_at)
    one, again, other = samples[PairKey(1, 0)], samples[PairKey(1, 0)], samples[PairKey(2, 0)]
    assert torch.equal(one["moving"], again["moving"])
    assert torch.equal(one["start"], again["start"])
    assert not torch.equal(one["start"], other["start"])
    assert not torch.equal(one["moving"], other["moving"])


def test_start_and_truth_together_are_the_pairs_transform(pair_at):
    sample = training_samples(pair_at, max_rotation_deg=20.0)[PairKey(0, 3)]
    together = sample["start"] @ sample["truth"]
    assert np.allclose(together, pair_at(0).moving_from_fixed.matrix, atol=1e-10)


def test_the_moving_mask_is_the_fixed_one_where_the_start_is_the_truth(pair_at, oblique_pair):
    samples = training_samples(pair_at, **QUIET)
    sample = samples[PairKey(0, 0)]
    world_from_voxel, truth = sample["world_from_voxel"].numpy(), sample["truth"].numpy()
    # Resample the moving mask once more by what remains: it has to fall onto the fixed one.
    from hepareg.geometry import Grid
    from hepareg.networks.input_region import sample_on
    from hepareg.transforms import RigidTransform
    from hepareg.volume import Volume

    grid = Grid(REGION.shape_vox, world_from_voxel)
    rest = sample_on(grid, Volume(sample["moving_mask"][0].numpy(), grid), transform=RigidTransform(truth), outside=0)
    fixed = sample["fixed_mask"][0].numpy() > 0.5
    before = sample["moving_mask"][0].numpy() > 0.5

    def dice(a, b):
        return 2 * (a & b).sum() / (a.sum() + b.sum())

    assert dice(rest > 0.5, fixed) > 0.95
    assert dice(before, fixed) < dice(rest > 0.5, fixed)


def test_points_lie_in_the_liver(pair_at):
    sample = training_samples(pair_at)[PairKey(0, 0)]
    assert sample["points"].shape == (NUM_POINTS, 3)
    voxels = np.rint(pair_at(0).fixed.grid.voxel_points(sample["points"].numpy())).astype(int)
    assert pair_at(0).fixed_mask.data[tuple(voxels.T)].all()


def test_intensities_are_scaled_not_cut_at_zero(pair_at):
    sample = training_samples(pair_at, **QUIET)[PairKey(0, 0)]
    # -90 HU (fat) of a window from -150 to 350 is at -0.76, 110 HU at 0.04: fat keeps a value of its own.
    assert sample["fixed"].min() == pytest.approx(-0.76, abs=0.02)
    assert sample["fixed"].max() == pytest.approx(0.04, abs=0.02)


def test_validation_starts_with_the_stated_bias_in_every_epoch(pair_at):
    settings = DataSettings(region=REGION, validation_bias_mm=3.0)
    samples = ValidationSamples(pair_at, 2, settings=settings, seed=0)
    first, again = samples[1], samples[1]
    assert torch.equal(first["moving"], again["moving"])
    bias = first["start"].numpy()[:3, 3] - pair_at(0).start().translation_mm
    assert np.linalg.norm(bias) == pytest.approx(3.0)
    assert not torch.equal(first["start"], samples[0]["start"])
