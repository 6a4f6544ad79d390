"""Many pairs in worker processes."""

import os

import numpy as np
import pytest
import torch

from hepareg import RegistrationPool, register
from hepareg.errors import DeviceError, MaskError, SettingsError


@pytest.fixture(scope="module")
def pool():
    with RegistrationPool(workers=2) as pool:
        yield pool


def test_results_come_in_order_and_as_one_by_one(pool, pair):
    images = pair[0]
    pairs = [images, {k: v for k, v in images.items() if k != "moving_mask"}, images]
    found = pool.register(pairs)
    for result, arguments in zip(found, pairs, strict=True):
        alone = register(**arguments)
        assert np.abs(result.transform.matrix - alone.transform.matrix).max() < 1e-3
        assert result.verdict.decision is alone.verdict.decision
    assert (found[0].transform.matrix == found[2].transform.matrix).all()


def test_pairs_are_taken_as_workers_come_free(pool, pair):
    """A long list of volumes is not in memory all at once, and tensors of the caller stay the caller's."""
    taken, tensor = [], torch.from_numpy(pair[0]["fixed"].data.copy())
    images = {**pair[0], "fixed": (tensor, pair[0]["fixed"].grid.world_from_voxel)}
    wrong = {**images, "fixed_mask": images["fixed_mask"].with_data(np.zeros_like(images["fixed_mask"].data))}

    def pairs():
        for n in range(9):
            taken.append(n)
            yield images if n else wrong

    with pytest.raises(MaskError):
        pool.register(pairs())
    assert len(taken) <= 5
    assert not tensor.is_shared()


def test_a_worker_that_ends_is_told_in_one_line(pair):
    with RegistrationPool(workers=1) as pool, pytest.raises(DeviceError, match="one that ended") as found:
        pool.register([{"moving": _EndsTheProcess(), "fixed": pair[0]["fixed"]}])
    assert "\n" not in str(found.value)


class _EndsTheProcess:
    """What ends the process that unpickles it."""

    def __reduce__(self):
        return os._exit, (1,)


def test_an_error_of_a_pair_comes_back_as_itself_and_the_pool_lives_on(pool, pair):
    images = pair[0]
    empty = images["fixed_mask"].with_data(np.zeros_like(images["fixed_mask"].data))
    with pytest.raises(MaskError, match="empty"):
        pool.register([images, {**images, "fixed_mask": empty}])
    assert len(pool.register([images])) == 1


@pytest.mark.parametrize("numbers", [{"workers": 0}, {"workers": 1, "threads": 0}])
def test_numbers(numbers):
    with pytest.raises(SettingsError, match="at least 1"):
        RegistrationPool(**numbers)
