import numpy as np
import pytest

from hepareg.data.settings import DataSettings, SimulatedSettings
from hepareg.data.simulated_pairs import (
    TEST,
    TRAINING,
    VALIDATION,
    anatomy_seed,
    simulated_pair,
    simulated_sources,
)
from hepareg.evaluation.dice import dice_after
from hepareg.networks.input_region import RegionSettings

COARSE = SimulatedSettings(num_anatomies=1, num_validation=1, spacing_mm=8.0, vessel_density=0.05)


def test_no_anatomy_is_in_two_families():
    seeds = {
        anatomy_seed(seed, family, index)
        for seed in range(3)
        for family in (TRAINING, VALIDATION, TEST)
        for index in range(100)
    }
    assert len(seeds) == 900


def test_a_pair_repeats_exactly_and_its_truth_joins_the_livers():
    pair = simulated_pair(COARSE, seed=0, family=TRAINING, index=0)
    again = simulated_pair(COARSE, seed=0, family=TRAINING, index=0)
    assert np.array_equal(pair.moving.data, again.moving.data)
    masks = {"moving_mask": pair.moving_mask, "fixed_mask": pair.fixed_mask}
    # 8 mm voxels and masks with an error of up to 1 mm: perfect alignment is about 0.93.
    assert dice_after(**masks, moving_from_fixed=pair.moving_from_fixed) > 0.9


@pytest.mark.parametrize("num_anatomies", [1, None], ids=["cached", "endless"])
def test_sources_give_prepared_pairs(tmp_path, num_anatomies):
    simulated = COARSE.model_copy(update={"num_anatomies": num_anatomies})
    region = RegionSettings((24, 20, 20), 10.0)
    settings = DataSettings(simulated=simulated, region=region, pairs_per_epoch=2)
    sources = simulated_sources(settings, seed=0, folder=tmp_path)
    assert sources.num_training == num_anatomies
    pair = sources.training(0)
    assert pair.fixed.shape == (24, 20, 20)
    assert not np.array_equal(pair.fixed.data, sources.validation(0).fixed.data)
    assert len(list(tmp_path.glob("*.pt"))) == (2 if num_anatomies else 1)
