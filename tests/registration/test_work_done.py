"""How much work a registration does: counts that no machine changes, so that speed once won is not lost.

The counts come from torch's own dispatch and from Python's own memory tracing, and know no name of the code that does
the work. Each limit is the count of the present code on the small simulated pair, with room for another processor's
rounding.
"""

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
from hepareg.registration import register
from hepareg.registration.both_directions import BothDirectionsSettings
from hepareg.registration.settings import RegisterSettings
from hepareg.registration.tissue_motion import TissueMotionSettings
from hepareg.volume import Volume

pytestmark = pytest.mark.performance

DERIVATIVES = "baddbmm"
"""The operation that eliminates the intensity maps: once for each evaluation with derivatives."""
GATHERS = "_embedding_bag_forward_only"
"""The operation that interpolates an image: once for each evaluation."""

LIMITS = {
    "derivatives": 38,
    "gathers": 42,
    "interpolated points": 4_400_000,
    "NumPy bytes at once": 46_000_000,
    "bytes of the largest tensor": 26_000_000,
    "bytes of all tensors": 1_800_000_000,
    "operations": 12_000,
}
"""A few per cent above what was counted. Ten derivatives, and the NumPy bytes (the basis of a smooth field at some
thousand points), are of the tissue's motion and the witnesses: they read the images again without robust weights."""

ONE_WAY = RegisterSettings(
    tissue_motion=TissueMotionSettings(min_gain=np.inf), both_directions=BothDirectionsSettings(search_mm=np.inf)
)
"""Whether a bend is searched for, or the other direction, hangs on limits that this pair is near; each is counted
apart."""


class Work(TorchDispatchMode):
    """Counts operations, the points at which images are interpolated, and the bytes of new tensors, not of views."""

    def __init__(self):
        super().__init__()
        self.operations = Counter()
        self.largest_bytes = self.total_bytes = self.points = 0

    def __torch_dispatch__(self, operation, types, arguments=(), named=None):
        name = operation.overloadpacket.__name__
        self.operations[name] += 1
        given = {t.untyped_storage().data_ptr() for t in tensors_of((arguments, named))}
        result = operation(*arguments, **(named or {}))
        if name == GATHERS:
            self.points += tensors_of(result)[0].shape[0]
        for tensor in tensors_of(result):
            if tensor.untyped_storage().data_ptr() not in given:
                size = tensor.untyped_storage().nbytes()
                self.largest_bytes = max(self.largest_bytes, size)
                self.total_bytes += size
        return result


def tensors_of(tree):
    return [leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, torch.Tensor)]


def work_of(images, settings=ONE_WAY):
    """Return the work of a registration, and its result."""
    with Work() as work:
        result = register(**images, settings=settings)
    return work, result


@pytest.fixture(scope="module")
def one_way(pair):
    """Work of the plain refinement of the small pair, and the result."""
    return work_of(pair[0])


def test_evaluations_and_points(one_way):
    work, result = one_way
    assert np.all(np.array([solution.iterations for solution in result.history]) <= [10, 6, 6])
    # A step is one evaluation with derivatives for all starts at once; the evidence adds few.
    assert 0 < work.operations[DERIVATIVES] <= LIMITS["derivatives"]
    assert 0 < work.operations[GATHERS] <= LIMITS["gathers"]
    assert 0 < work.points <= LIMITS["interpolated points"]


def test_the_other_direction_costs_some_iterations_of_the_finest_level(pair, one_way):
    settings = replace(ONE_WAY, both_directions=BothDirectionsSettings(search_mm=0.0))
    added = work_of(pair[0], settings)[0].operations[DERIVATIVES] - one_way[0].operations[DERIVATIVES]
    assert 0 < added <= 7  # the steps, and one for the uncertainty


def test_slices_far_from_the_liver_cost_nothing(pair):
    """The levels read the liver's surroundings alone: once these are in the image, a longer scan is no more work."""
    counted = []
    for added in (60, 240):
        work, _ = work_of({name: lengthened(volume, added) for name, volume in pair[0].items()})
        counted.append((work.operations, work.points, work.largest_bytes, work.total_bytes))
    assert counted[0] == counted[1]  # poses differ by rounding only


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


def test_allocations(pair, one_way):
    tracemalloc.start()
    register(**pair[0], settings=ONE_WAY)
    numpy_peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    work, _ = one_way
    assert numpy_peak <= LIMITS["NumPy bytes at once"]
    assert work.largest_bytes <= LIMITS["bytes of the largest tensor"]
    assert work.total_bytes <= LIMITS["bytes of all tensors"]
    assert work.operations.total() <= LIMITS["operations"]  # each costs its start, and a device little else


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
