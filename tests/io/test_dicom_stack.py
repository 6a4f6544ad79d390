"""Order, distances and copies of slices, from their headers alone."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hepareg.errors import ImageError
from hepareg.io.dicom_stack import check_attributes, doubled_slices, is_even, placement, sorted_slices

sys.path.insert(0, str(Path(__file__).parent))
from dicom_slices import run

HEIGHTS = 30 + 2.5 * np.arange(40)
LOST = {
    "one": ([7], "1 missing at z = 47.5 mm"),
    "a run": ([7, 8, 9], "3 missing at z = 47.5, 50.0, 52.5 mm"),
    "here and there": ([2, 30], "2 missing at z = 35.0, 105.0 mm"),
    "every third": (list(range(1, 39, 3)), "13 missing at z = 32.5, 40.0, 47.5, 55.0, 62.5, 70.0 and 7 more mm"),
}


@pytest.mark.parametrize("name", LOST)
@pytest.mark.parametrize("rounded", [False, True])
def test_lost_slices_are_named(name, rounded):
    lost, message = LOST[name]
    heights = np.delete(HEIGHTS, lost)
    slices = sorted_slices(run((np.round(heights, 1) if rounded else heights)[::-1]))
    with pytest.raises(ImageError) as caught:
        placement(slices)
    assert message in str(caught.value)


def test_the_coordinate_is_that_along_which_slices_are_stacked():
    coronal = [
        replace(s, orientation=(1.0, 0.0, 0.0, 0.0, 0.0, -1.0), position=(0.0, s.position[2], 0.0))
        for s in run(np.delete(HEIGHTS, [7]))
    ]
    with pytest.raises(ImageError, match=r"missing at y = 47\.5 mm"):
        placement(sorted_slices(coronal))


@pytest.mark.parametrize("step", [0.5, 0.625, 1.25, 5.0])
def test_rounded_positions_are_even(step):
    heights = np.round(step * np.arange(200), 1)
    assert is_even(heights)
    assert placement(run(heights))[2, 2] == pytest.approx(step, abs=1e-3)


def test_what_is_not_even():
    assert not is_even(np.array([0.0, 1.0, 3.0]))
    assert not is_even(np.array([0.0, 0.0, 1.0, 2.0]))
    with pytest.raises(ImageError, match="even distances"):
        placement(run([0, 1, 2.4, 3, 4, 5]))


def test_slices_of_one_place():
    slices = run([0, 1, 1, 2, 3, 3, 3, 4])
    assert doubled_slices(slices) == [[1, 2], [4, 5, 6]]
    assert doubled_slices(run([0, 1, 1.005, 2])) == [[1, 2]]
    assert doubled_slices(run([0, 1, 2, 3])) == doubled_slices(run([0])) == []
    assert doubled_slices(run([5, 5])) == [[0, 1]]


def test_a_slice_a_thousand_kilometres_away_is_told_at_once():
    """A list of every missing place would take all memory."""
    with pytest.raises(ImageError, match=r"999999997 missing at z = 3\.0, 4\.0, .* and 999999991 more mm"):
        placement(run([0, 1, 2, 1e9]))


def test_copies_of_one_slice_are_no_volume():
    with pytest.raises(ImageError, match="copies of a single slice"):
        placement(run([0]))


def test_an_orientation_without_a_normal_is_refused():
    slices = [replace(s, orientation=(1.0, 0.0, 0.0, 1.0, 0.0, 0.0)) for s in run([0, 1, 2])]
    with pytest.raises(ImageError, match="one direction twice"):
        check_attributes(slices)
