from dataclasses import replace

import numpy as np
import pytest
import torch

from hepareg.errors import PairError
from hepareg.geometry import Grid
from hepareg.preprocessing.axis_order import AxisOrder, reordered_grid
from hepareg.preprocessing.pair_check import check_pair, overlap_fraction
from hepareg.transforms import RigidTransform
from hepareg.transforms.resample import resample
from hepareg.volume import Provenance, Volume

GRID = Grid((40, 40, 20), np.diag([1.0, 1, 3, 1]))
DATA = np.random.default_rng(0).integers(-1000, 1000, GRID.shape).astype(np.int16)
A = Volume(DATA, GRID)
B = Volume(DATA[::-1] + np.int16(1), GRID)


def moved(grid, offset):
    matrix = grid.world_from_voxel.copy()
    matrix[:3, 3] += offset
    return Grid(grid.shape, matrix)


def test_tensors_are_not_compared_unless_they_are_the_same_object():
    """A comparison would copy both images from their device."""
    a, b = (Volume(torch.from_numpy(DATA.copy()), GRID) for _ in range(2))
    assert check_pair(moving=a, fixed=b) == []
    with pytest.raises(PairError, match="same image twice"):
        check_pair(moving=a, fixed=a)


def test_a_usual_pair_gives_no_note():
    assert check_pair(moving=A, fixed=B) == []
    assert check_pair(moving=A, fixed=Volume(B.data, moved(GRID, [5, 0, 0]))) == []


def test_the_same_image():
    order = AxisOrder((1, 0, 2), (True, False, False))
    digest = Provenance(content_digest="abc")
    for other in (
        A,
        A.with_data(DATA.astype(np.float32)),
        Volume(order.apply(DATA), reordered_grid(GRID, order)),
    ):
        with pytest.raises(PairError, match="allow identical images") as caught:
            check_pair(moving=A, fixed=other)
        assert caught.value.options == ("allow_identical",)
        assert check_pair(moving=A, fixed=other, allow_identical=True) == ["both images are the same"]
    with pytest.raises(PairError, match="same image twice"):
        check_pair(moving=replace(A, provenance=digest), fixed=replace(B, provenance=digest))


def test_other_voxels_are_another_image():
    """A volume that was made from one with a digest does not keep it."""
    read = replace(A, provenance=Provenance(content_digest="abc"))
    assert check_pair(moving=read, fixed=read.with_data(B.data)) == []
    shifted = RigidTransform.from_vectors([0, 0, 0.1], [1, 2, 3])
    assert check_pair(moving=read, fixed=resample(read, GRID, moving_from_fixed=shifted)) == []


def test_different_patients_and_their_ids_are_not_told():
    one, two = (replace(v, provenance=Provenance(patient_digest=d)) for v, d in ((A, "d1a2"), (B, "f3b4")))
    with pytest.raises(PairError, match="allow different patients") as caught:
        check_pair(moving=one, fixed=two)
    assert "d1a2" not in str(caught.value)
    assert caught.value.options == ("allow_different_patients",)
    assert check_pair(moving=one, fixed=two, allow_different_patients=True) == ["the images are of different patients"]
    assert check_pair(moving=one, fixed=B) == []
    assert check_pair(moving=one, fixed=replace(two, provenance=one.provenance)) == []


def test_no_overlap():
    away = Volume(B.data, moved(GRID, [0, 0, 500]))
    with pytest.raises(PairError, match=r"overlap in the world.*both liver masks"):
        check_pair(moving=A, fixed=away)
    assert check_pair(moving=A, fixed=away, both_masks=True) == [
        "the images do not overlap in the world: started from the masks"
    ]


def test_overlap_of_a_small_grid_inside_a_large_one():
    small = GRID.crop((20, 20, 10), (22, 22, 12))
    assert overlap_fraction(small, GRID) == overlap_fraction(GRID, small) == 1
    assert overlap_fraction(GRID, moved(GRID, [20.0, 0, 0])) == pytest.approx(0.5, abs=0.05)
