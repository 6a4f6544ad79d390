"""Many pairs in worker processes."""

import os

import numpy as np
import pytest
import torch

from hepareg import RegistrationPool, RegistrationResult
from hepareg.errors import DeviceError, MaskError, SettingsError
from hepareg.registration import register


@pytest.fixture(scope="module")
def pool():
    with RegistrationPool(workers=2) as pool:
        yield pool


@pytest.fixture(scope="session")
def pair(simulated_pair):
    """The arguments of a registration."""
    p = simulated_pair
    return {"moving": p.moving, "fixed": p.fixed, "moving_mask": p.moving_liver, "fixed_mask": p.fixed_liver}


@pytest.fixture
def empty_mask(pair):
    return pair["fixed_mask"].with_data(np.zeros_like(pair["fixed_mask"].data))


def test_results_come_in_order_and_as_one_by_one(pool, pair):
    pairs = [pair, {k: v for k, v in pair.items() if k != "moving_mask"}, pair]
    found = pool.register(pairs)
    for result, arguments in zip(found, pairs, strict=True):
        alone = register(**arguments)
        # Sums over voxels depend on the number of threads; a micrometre is far below every tolerance in use.
        assert np.abs(result.transform.matrix - alone.transform.matrix).max() < 1e-3
        assert result.verdict.decision is alone.verdict.decision
        assert type(result) is RegistrationResult, "images are not sent back"
    assert (found[0].transform.matrix == found[2].transform.matrix).all()


def test_pairs_are_taken_as_workers_come_free(pool, pair, empty_mask):
    """A long list of volumes is not in memory all at once, and tensors of the caller stay the caller's."""
    tensor = torch.from_numpy(pair["fixed"].data.copy())
    wrong = {**pair, "fixed": (tensor, pair["fixed"].grid.world_from_voxel), "fixed_mask": empty_mask}
    ahead, taken, begun = [], 0, []

    class Told(dict):
        """Arguments that note how many pairs were taken before this one's result came."""

    def pairs():
        nonlocal taken
        for _ in range(9):
            taken += 1
            ahead.append(taken - len(begun))
            yield Told(wrong)

    real = pool._run

    def run(arguments):
        result = real(arguments)
        begun.append(1)
        return result

    pool._run = run
    try:
        assert all(isinstance(result, MaskError) for result in pool.register(pairs()))
    finally:
        del pool._run
    assert max(ahead) <= 5, "two for each of two workers, and the one that is taken"
    assert not tensor.is_shared()


def test_an_error_of_a_pair_comes_in_its_place_and_the_others_are_registered(pool, pair, empty_mask):
    found = pool.register([pair, {**pair, "fixed_mask": empty_mask}, {**pair, "moving": 3}, {**pair, "color": 1}, pair])
    assert [type(result) for result in found] == [
        RegistrationResult,
        MaskError,
        SettingsError,
        TypeError,
        RegistrationResult,
    ]
    assert "empty" in str(found[1])
    assert (found[0].transform.matrix == found[4].transform.matrix).all()


def test_settings_that_an_error_names_come_back_with_it(pool, pair):
    image = pair["fixed"]
    (error,) = pool.register([{**pair, "moving": image, "moving_mask": pair["fixed_mask"]}])
    assert error.options == ("allow_identical",)


def test_workers_read_files(pool, pair, pair_folder):
    names = {"moving": "moving", "fixed": "fixed", "moving_mask": "moving_liver", "fixed_mask": "fixed_liver"}
    paths = {role: pair_folder / f"{name}.nii.gz" for role, name in names.items()}
    found, missing = pool.register([paths, {**paths, "moving": pair_folder / "gone.nii.gz"}])
    assert found.verdict.decision.value == "accept"
    assert "does not exist" in str(missing)


def test_a_worker_that_dies_is_an_error_of_its_pair_and_the_rest_goes_on(pool, pair):
    found = pool.register([pair, {"moving": _EndsTheProcess(), "fixed": pair["fixed"]}, pair, pair])
    assert isinstance(found[1], DeviceError)
    assert "got one that ended" in str(found[1])
    assert "\n" not in str(found[1])
    assert [type(found[n]) for n in (0, 2, 3)] == [RegistrationResult] * 3


class _EndsTheProcess:
    """An object that ends the process that unpickles it."""

    def __reduce__(self):
        return os._exit, (1,)

    def __call__(self, *_):
        """Stand for a function, which is pickled as well."""


def test_workers_that_cannot_begin_are_told_at_once(monkeypatch, pair):
    """As in a script that makes its pool without the guard of its main module: every process ends at its start."""
    monkeypatch.setattr("hepareg.pool.torch.set_num_threads", _EndsTheProcess())
    with RegistrationPool(workers=1) as pool, pytest.raises(DeviceError, match="could not") as found:
        pool.register([pair] * 3)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("numbers", [{"workers": 0}, {"workers": 1, "threads": 0}])
def test_numbers(numbers):
    with pytest.raises(SettingsError, match="at least 1"):
        RegistrationPool(**numbers)
