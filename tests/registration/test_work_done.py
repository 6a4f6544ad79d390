"""How much work a registration does: counts that no machine changes, so that what was won for speed is not lost.

Each limit is what the present code does on the small simulated pair, with room for another processor's rounding.
"""

import sys
import tracemalloc
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from hepareg.geometry import Grid
from hepareg.preprocessing.masks import prepare_mask
from hepareg.refinement.images import block_average as averaging
from hepareg.refinement.images import sampled_features as sampling
from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.local_affine import LocalAffine
from hepareg.registration import register
from hepareg.registration.settings import RegisterSettings
from hepareg.volume import Volume

LIMITS = {
    "derivatives": 27,
    "gathers": 30,
    "sampled points": 3_400_000,
    "NumPy bytes at once": 2_000_000,
    "bytes of the largest tensor": 26_000_000,
    "bytes of all tensors": 1_400_000_000,
    "operations": 8_300,
}

ONE_WAY = RegisterSettings(bend_search_mm=np.inf, both_directions_mm=np.inf)


@pytest.fixture
def counts(monkeypatch):
    """Counter of evaluations, sampled points, averaged voxels and Dice evaluations while the test runs."""
    found = Counter()
    corners, equations, pooled = sampling.trilinear_corners, LocalAffine._cell_equations, averaging._pooled

    def count_corners(positions, shape):
        found["gathers"] += 1
        found["sampled points"] += positions[0].numel()
        return corners(positions, shape)

    def count_equations(self, matrices):
        found["derivatives"] += 1
        found["poses", len(self.samples.values), np.asarray(matrices).tobytes()] += 1
        return equations(self, matrices)

    def count_pooled(voxels, kernel, window, device):
        found["averaged voxels"] += voxels.numel()
        return pooled(voxels, kernel, window, device)

    monkeypatch.setattr(sampling, "trilinear_corners", count_corners)
    monkeypatch.setattr(LocalAffine, "_cell_equations", count_equations)
    monkeypatch.setattr(averaging, "_pooled", count_pooled)
    module = sys.modules["hepareg.registration.register"]
    dice = module.dice_on_lattice

    def count_dice(**arguments):
        found["dice"] += 1
        return dice(**arguments)

    monkeypatch.setattr(module, "dice_on_lattice", count_dice)
    return found


def test_evaluations_and_samples(pair, counts):
    images, _ = pair
    # Whether a bend is looked for, or the other direction, hangs on thresholds that this pair is near; each is
    # counted apart.
    result = register(**images, settings=ONE_WAY)
    iterations = [solution.iterations for solution in result.history]
    assert np.all(np.array(iterations) <= [10, 6, 6])
    # A step is one evaluation with derivatives for all starts at once; the evidence adds few.
    assert counts["derivatives"] <= LIMITS["derivatives"]
    assert counts["gathers"] <= LIMITS["gathers"]
    assert counts["sampled points"] <= LIMITS["sampled points"]
    assert counts["dice"] == 1
    # The solver and the evidence may ask for one pose each; nothing asks twice.
    assert max(number for key, number in counts.items() if isinstance(key, tuple)) <= 2


def test_looking_for_a_bend_costs_its_iterations_and_little_more(pair, counts):
    register(**pair[0], settings=ONE_WAY)
    without = counts["derivatives"]
    counts.clear()
    settings = replace(ONE_WAY, bend_search_mm=0.0)
    register(**pair[0], settings=settings)
    # Three levels, each with its iterations and two evaluations that compare bent and rigid.
    assert counts["derivatives"] - without <= 3 * (settings.bend.iterations + 2)


def test_the_other_direction_costs_some_iterations_of_the_finest_level(pair, counts):
    register(**pair[0], settings=ONE_WAY)
    without = counts.copy()
    counts.clear()
    register(**pair[0], settings=replace(ONE_WAY, both_directions_mm=0.0))
    assert counts["derivatives"] - without["derivatives"] <= 7  # the steps, and one for the precision
    assert counts["averaged voxels"] == without["averaged voxels"]


def test_slices_far_from_the_liver_cost_nothing(pair, counts):
    """The levels read the liver's surroundings alone: once these are in the image, a longer scan is no more work."""
    counted = []
    for added in (60, 240):
        counts.clear()
        register(**{name: lengthened(volume, added) for name, volume in pair[0].items()})
        counted.append({name: number for name, number in counts.items() if isinstance(name, str)})
    assert counted[0] == counted[1]  # poses differ by rounding only
    box = pair[0]["fixed"].data.size + pair[0]["moving"].data.size
    assert counted[0]["averaged voxels"] <= 3.5 * box  # three levels and the distance map


def test_a_plain_mask_is_not_copied(pair):
    mask = pair[0]["fixed_mask"]
    stored = mask.with_data(mask.data.astype(np.uint8))
    assert np.shares_memory(prepare_mask(stored, like=pair[0]["fixed"]).data, stored.data)


def test_a_longer_scan_takes_no_more_memory(pair):
    peaks = []
    for added in (60, 60, 480):  # the first one warms up
        images = {name: lengthened(volume, added) for name, volume in pair[0].items()}
        tracemalloc.start()
        register(**images)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    one_copy = sum(images[name].data.nbytes for name in ("fixed_mask", "moving_mask"))
    assert peaks[2] - peaks[1] < 0.2 * one_copy


class Allocations(TorchDispatchMode):
    """Counts operations, and the bytes of the tensors that they make, views of others left out."""

    def __init__(self):
        super().__init__()
        self.operations = self.largest_bytes = self.total_bytes = 0

    def __torch_dispatch__(self, operation, types, arguments=(), named=None):
        self.operations += 1
        given = {t.untyped_storage().data_ptr() for t in tensors_of((arguments, named))}
        result = operation(*arguments, **(named or {}))
        for tensor in tensors_of(result):
            if tensor.untyped_storage().data_ptr() not in given:
                size = tensor.untyped_storage().nbytes()
                self.largest_bytes = max(self.largest_bytes, size)
                self.total_bytes += size
        return result


def tensors_of(tree):
    return [leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, torch.Tensor)]


def test_allocations(pair):
    images, settings = pair[0], ONE_WAY
    register(**images, settings=settings)  # warms up
    tracemalloc.start()
    register(**images, settings=settings)
    numpy_peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    with Allocations() as made:
        register(**images, settings=settings)
    assert numpy_peak <= LIMITS["NumPy bytes at once"]
    assert made.largest_bytes <= LIMITS["bytes of the largest tensor"]
    assert made.total_bytes <= LIMITS["bytes of all tensors"]
    assert made.operations <= LIMITS["operations"]  # each costs its start, and a device little else


@pytest.mark.parametrize(("curved", "numbers"), [(False, 4), (True, 7)])
def test_the_table_of_a_level_takes_four_numbers_a_voxel_or_seven(curved, numbers):
    image = GridImage(torch.zeros(5, 6, 7), Grid((5, 6, 7), np.eye(4)))
    features = sampling.image_features(image, curved=curved)
    assert (features.table.shape, features.table.dtype) == ((5 * 6 * 7, numbers), torch.float32)


def lengthened(volume, added):
    """Return the volume with slices added below it; air, or no liver."""
    axis, sense = volume.grid.superior_axis
    before, after = (added, 0) if sense > 0 else (0, added)
    width = [(0, 0)] * 3
    width[axis] = (before, after)
    air = 0 if volume.data.dtype == bool else -1000
    data = np.pad(volume.data, width, constant_values=air)
    data = np.asfortranarray(data)  # as files lie
    first = np.zeros(3)
    first[axis] = -before
    matrix = volume.grid.world_from_voxel.copy()
    matrix[:3, 3] = volume.grid.world_points(first)
    return Volume(data, Grid(data.shape, matrix))
