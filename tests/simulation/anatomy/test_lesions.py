"""Lesions lie inside the liver, as many as drawn and as large as reported."""

import functools

import numpy as np
import pytest

from hepareg.geometry import Grid
from hepareg.simulation import PhantomSettings
from hepareg.simulation.anatomy.labels import Label
from hepareg.simulation.anatomy.lesions import add_lesions
from hepareg.simulation.organ_space import OrganSpace

GRID = Grid((70, 64, 50), np.array([[2.0, 0, 0, 30], [0, 2, 0, -90], [0, 0, 2, 500], [0, 0, 0, 1]]))


@pytest.fixture(scope="module")
def liver():
    points = GRID.world_points(np.moveaxis(np.indices(GRID.shape), 0, -1)) - GRID.centre_mm
    return np.linalg.norm(points / [62.0, 55.0, 42.0], axis=-1) < 1


@functools.cache
def space_of(key):
    return OrganSpace(np.frombuffer(key, dtype=bool).reshape(GRID.shape), GRID)


def painted(liver, seed, **counts):
    labels = np.where(liver, int(Label.LIVER), int(Label.FAT)).astype(np.uint8)
    settings = PhantomSettings(**{"num_tumours": 0, "num_cysts": 0, "num_clips": 0} | counts)
    rng = np.random.default_rng(seed)
    return labels, add_lesions(labels, liver, space_of(liver.tobytes()), settings, grid=GRID, rng=rng)


def test_lesions_replace_liver_alone(liver):
    labels, found = painted(liver, 3, num_tumours=4, num_cysts=4, num_clips=4)
    assert (labels[~liver] == Label.FAT).all()
    assert {name: len(lesions) for name, lesions in found.items()}.keys() == {"tumours", "cysts", "clips"}
    for name, label in (("tumours", Label.TUMOUR), ("cysts", Label.CYST)):
        assert (labels == label).any() == bool(found[name])


def test_numbers_are_drawn_up_to_the_largest(liver):
    counts = {len(painted(liver, seed, num_cysts=2)[1]["cysts"]) for seed in range(30)}
    assert counts == {0, 1, 2}
    assert painted(liver, 0)[1] == {"tumours": [], "cysts": [], "clips": []}


def test_a_tumour_has_its_reported_place_and_size(liver):
    seeds = (seed for seed in range(40) if len(painted(liver, seed, num_tumours=1)[1]["tumours"]) == 1)
    labels, found = painted(liver, next(seeds), num_tumours=1)
    tumour = found["tumours"][0]
    radius = np.linalg.norm(GRID.world_points(np.argwhere(labels == Label.TUMOUR)) - tumour["centre_mm"], axis=1)
    assert 6 <= tumour["radius_mm"] <= 26
    assert radius.max() < 1.6 * tumour["radius_mm"]  # axes up to 1.25 of the radius, lobes up to 1.24 of that
    assert radius.max() > 0.7 * tumour["radius_mm"]
