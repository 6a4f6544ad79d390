"""Two phases are parted and one volume is not, by every attribute that tells the time of a slice."""

import sys
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from hepareg.io.dicom_phases import part_phases

sys.path.insert(0, str(Path(__file__).parent))
from dicom_slices import heights_of, run

TAGS = ("acquisition_number", "temporal_position", "trigger_time", "acquisition_time")
BODY = np.arange(0.0, 60.0, 3.0)


def values(tag, *parts):
    """Slices of parts (heights in mm) that differ in one attribute."""
    return [s for n, heights in enumerate(parts, start=1) for s in run(heights, **{tag: 20.0 * n})]


def shuffled(slices, seed=0):
    return [slices[n] for n in np.random.default_rng(seed).permutation(len(slices))]


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("offset", [0.0, 0.75, 1.0, 1.5, -1.5, 2.9, 7.5, 25.5])
def test_phases_are_parted_whatever_their_tables_differ_by(tag, offset):
    parts = part_phases(shuffled(values(tag, BODY, BODY + offset)))
    assert heights_of(parts) == [list(BODY), list(BODY + offset)]


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("num_parts", [2, 3, 20])
def test_parts_that_follow_one_another_stay_one_volume(tag, num_parts):
    for parts in (np.split(np.arange(60.0), num_parts), np.split(np.arange(60.0), num_parts)[::-1]):
        assert heights_of(part_phases(shuffled(values(tag, *parts)))) == [list(np.arange(60.0))]


@pytest.mark.parametrize("tag", TAGS)
def test_an_overlap_of_less_than_half_does_not_part(tag):
    """Two breath-holds that share three slices: doubled slices are for the reader to judge."""
    first, second = np.arange(20.0), np.arange(17.0, 40.0)
    assert len(part_phases(values(tag, first, second))) == 1
    assert len(part_phases(values(tag, first, np.arange(5.0, 25.0)))) == 2


@pytest.mark.parametrize("tag", TAGS)
def test_phases_in_two_breath_holds_each(tag):
    """Upper and lower half of three phases; the pause between the halves may be longer than that between phases."""
    upper, lower = np.arange(30.0, 60.0), np.arange(30.0)
    for pauses in ((10, 30), (30, 10)):
        begin, slices, number = 0.0, [], count(1)
        for offset in (0.0, 0.5, 0.0):
            for half, pause in zip((upper, lower), pauses, strict=True):
                numbered = {} if tag == "acquisition_time" else {tag: 10.0 * next(number)}
                slices += run(half + offset, begin=begin, step_s=0.01, **numbered)
                begin += 1 + pause
        assert heights_of(part_phases(shuffled(slices))) == [list(np.arange(60) + o) for o in (0.0, 0.5, 0.0)]


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("begin_of_second", [12.0, 100.0])
def test_a_pause_parts_slices_that_each_have_their_own_time(down, begin_of_second):
    """The second phase begins at heights that the first has not seen, and may run the other way."""
    first, second = np.arange(10.0, 20.0), np.arange(0.0, 25.0) + 0.5
    slices = run(first, begin=0.0) + run(second[::-1] if down else second, begin=begin_of_second)
    assert heights_of(part_phases(shuffled(slices))) == [list(first), list(second)]


@pytest.mark.parametrize("tag", TAGS[:3])
@pytest.mark.parametrize("timed", [False, True])
def test_a_number_for_every_slice_of_two_phases(tag, timed):
    number = count(1)
    slices = [
        s
        for begin, heights in ((0.0, BODY), (40.0, BODY[::-1] + 1.5))
        for s in run(heights, begin=begin if timed else None, **{tag: lambda n: float(next(number))})
    ]
    assert heights_of(part_phases(shuffled(slices))) == [list(BODY), list(BODY + 1.5)]


@pytest.mark.parametrize("tag", TAGS)
def test_a_number_for_every_slice_of_one_volume(tag):
    for numbers in (np.arange(20.0), np.arange(20.0)[::-1], np.random.default_rng(3).permutation(20) * 1.0):
        slices = [s for z, n in zip(BODY, numbers, strict=True) for s in run([z], **{tag: n})]
        assert heights_of(part_phases(slices)) == [list(BODY)]


@pytest.mark.parametrize("tag", TAGS)
def test_a_value_that_tears_an_even_stack_apart_is_not_followed(tag):
    slices = run(BODY[:7], **{tag: 1.0}) + run(BODY[7:8], **{tag: 9.0}) + run(BODY[8:], **{tag: 1.0})
    assert len(part_phases(slices)) == 1
    assert len(part_phases([*slices, *run([BODY[3]], **{tag: 5.0})])) == 2  # a single image of the bolus at one height


def test_one_value_is_refined_by_the_next():
    """Numbers 1, 1, 2 for three phases, of which the first two differ in the trigger time."""
    slices = [
        s
        for number, trigger, offset in ((1.0, 10.0, 0.0), (1.0, 90.0, 1.5), (2.0, 10.0, 0.0))
        for s in run(BODY + offset, acquisition_number=number, trigger_time=trigger)
    ]
    assert heights_of(part_phases(slices)) == [list(BODY), list(BODY + 1.5), list(BODY)]


def test_the_time_of_reconstruction_parts_only_what_repeats():
    for offset, number in ((0.0, 2), (1.5, 1)):
        slices = run(BODY, content_time=1.0) + run(BODY + offset, content_time=60.0)
        assert len(part_phases(slices)) == number


def test_nothing_tells_doubled_slices_apart():
    for slices in (run(range(5)) * 2, run(range(5), begin=0.0) * 2, run(range(5), acquisition_number=1.0) * 2):
        assert [len(part) for part in part_phases(slices)] == [10]


def test_many_phases_and_numbers_without_order():
    slices = [s for n in range(30) for s in run(BODY, begin=10.0 * n)]
    assert heights_of(part_phases(shuffled(slices))) == [list(BODY)] * 30
    rng = np.random.default_rng(0)
    mixed = [s for z in np.arange(1500.0) for s in run([z], trigger_time=float(rng.integers(10**6)))]
    assert len(part_phases(mixed)) == 1
