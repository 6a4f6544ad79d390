"""A bank holds anatomies on one cubic grid, their livers in the middle."""

import pytest
import torch

from hepareg.errors import SettingsError
from hepareg.simulation import Label
from hepareg.simulation.pairs.anatomy_bank import make_bank

SIZE, SPACING_MM = 40, 6.0


@pytest.fixture(scope="module")
def bank():
    return make_bank(number=2, seed=5, size=SIZE, spacing_mm=SPACING_MM)


def test_livers_lie_in_the_middle_of_the_world(bank):
    assert len(bank) == 2
    assert bank.labels.shape == (2, 1, SIZE, SIZE, SIZE)
    assert bank.vessels.shape == (2, 3, SIZE, SIZE, SIZE)
    middle = bank.world_from_voxel @ torch.tensor([(SIZE - 1) / 2] * 3 + [1.0], dtype=torch.float64)
    assert middle[:3].abs().max() < 1e-9
    for liver in bank.liver[:, 0]:
        voxels = liver.nonzero().double()
        box = (voxels.amin(dim=0) + voxels.amax(dim=0)) / 2 - (SIZE - 1) / 2
        assert box.abs().max() <= 1  # in whole voxels
        assert 0.5 < len(voxels) * SPACING_MM**3 / 1e6 < 2.8


def test_behind_the_liver_is_other_tissue(bank):
    inside = bank.liver > 0
    assert (bank.behind[inside] != Label.LIVER).all()
    assert torch.equal(bank.behind[~inside], bank.labels[~inside])


def test_distances_agree_with_the_masks(bank):
    inside = bank.liver > 0
    assert (bank.liver_distance_mm[inside] < 0).all()
    assert (bank.liver_distance_mm[~inside] > 0).all()
    assert bank.liver_distance_mm.abs().min() == SPACING_MM / 2  # half a voxel on both sides of the surface
    assert (bank.wall_distance_mm >= 0).all()
    assert (bank.wall_distance_mm[inside] > 0).all()


def test_the_same_seed_is_the_same_bank_on_any_device(bank):
    again = make_bank(number=1, seed=5, size=SIZE, spacing_mm=SPACING_MM).to("cpu")
    assert torch.equal(again.labels[0], bank.labels[0])
    assert not torch.equal(bank.labels[0], bank.labels[1])


@pytest.mark.parametrize(("number", "size"), [(0, 40), (1, 20)])
def test_too_few_or_too_small(number, size):
    with pytest.raises(SettingsError, match="at least one anatomy on a grid of 150 mm"):
        make_bank(number=number, seed=0, size=size, spacing_mm=SPACING_MM)
