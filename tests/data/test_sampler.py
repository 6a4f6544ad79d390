import pytest

from hepareg.data.sampler import KeyedSampler
from hepareg.errors import SettingsError


def keys_of(epoch=0, **changes):
    arguments = {"pairs_per_epoch": None, "seed": 5, "batch_size": 2} | changes
    sampler = KeyedSampler(arguments.pop("num_pairs", 12), **arguments)
    sampler.set_epoch(epoch)
    keys = list(sampler)
    assert len(keys) == len(sampler)
    return keys


def test_an_epoch_holds_every_pair_once_in_an_order_of_its_own():
    first, second = keys_of(0), keys_of(1)
    assert sorted(key.index for key in first) == list(range(12))
    assert [key.index for key in first] != [key.index for key in second]
    assert first == keys_of(0)
    assert {key.epoch for key in second} == {1}


def test_the_joined_batches_of_two_processes_are_those_of_one():
    alone = keys_of(batch_size=4)
    ranks = [keys_of(batch_size=2, rank=rank, world_size=2) for rank in range(2)]
    for k in range(3):
        joined = {key for keys in ranks for key in keys[2 * k : 2 * k + 2]}
        assert joined == set(alone[4 * k : 4 * k + 4])


def test_a_long_epoch_comes_back_to_pairs_under_new_indices():
    indices = [key.index for key in keys_of(num_pairs=3, pairs_per_epoch=8)]
    assert len(set(indices)) == 8
    assert {index % 3 for index in indices} == {0, 1, 2}


def test_an_endless_source_never_repeats():
    seen = [key.index for epoch in range(3) for key in keys_of(epoch, num_pairs=None, pairs_per_epoch=4)]
    assert seen == list(range(12))


def test_too_few_pairs_are_refused_before_training():
    with pytest.raises(SettingsError, match="expected at least 8 training pairs"):
        keys_of(num_pairs=6, batch_size=4, world_size=2)
