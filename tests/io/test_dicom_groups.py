from dataclasses import replace
from pathlib import Path

import pytest

from hepareg.errors import ImageError, SettingsError
from hepareg.io.dicom_groups import choose, group_slices, summarise
from hepareg.io.dicom_headers import SliceHeader

SLICE = SliceHeader(
    path=Path("a.dcm"), series_uid="1.2.34567", instance_uid="1", series_number=2, modality="CT", is_localiser=False,
    size=(512, 512), num_frames=1, num_samples=1, position=(0.0, 0.0, 0.0), orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    pixel_spacing=(0.7, 0.7), slope=1.0, intercept=0.0, acquisition_number=None, temporal_position=None,
    trigger_time=None, acquisition_time=None, content_time=None, transfer_syntax="", patient_digest=None,
)  # fmt: skip


def run(heights, *, begin=None, **attributes):
    """Slices at some heights, half a second apart from ``begin`` on."""
    return [
        replace(
            SLICE,
            position=(0.0, 0.0, float(z)),
            acquisition_time=None if begin is None else begin + 0.5 * n,
            **attributes,
        )
        for n, z in enumerate(heights)
    ]


def heights_of(groups):
    return [[s.position[2] for s in group.slices] for group in groups]


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("begin_of_second", [20.0, 100.0])
def test_phases_by_time_are_cut_at_the_pause(down, begin_of_second):
    """The second phase begins at heights that the first has not seen, and may run the other way."""
    first, second = range(10, 20), range(0, 25)
    slices = run(first, begin=0.0) + run(reversed(second) if down else second, begin=begin_of_second)
    assert [sorted(h) for h in heights_of(group_slices(slices[::-1]))] == [list(first), list(second)]


def test_three_phases_by_number_come_in_the_order_of_time():
    slices = run(range(5), begin=60.0, acquisition_number=4.0) + run(range(5), begin=0.0, acquisition_number=9.0)
    slices += run(range(3), begin=30.0, acquisition_number=1.0)
    groups = group_slices(slices)
    assert [group.slices[0].acquisition_number for group in groups] == [9, 1, 4]
    assert [s.delay_s for s in summarise(groups)] == [0, 30, 60]


def test_nothing_tells_doubled_slices_apart():
    for slices in (run(range(5)) * 2, run(range(5), begin=0.0) * 2, run(range(5), acquisition_number=1.0) * 2):
        assert [len(group.slices) for group in group_slices(slices)] == [10]


def test_picking():
    groups = group_slices(run(range(5), begin=0.0) + run(range(4), begin=50.0, series_uid="1.2.99999"))
    assert choose(groups, "2").series_uid == "1.2.99999"
    assert choose(groups, "34567").series_uid == "1.2.34567"
    for wrong in ("3", "0", "999", "/", "abcd", "-1", ""):
        with pytest.raises(SettingsError, match=r"it has \[1\] CT, 5 images of 512x512, begun at \+0 s; \[2\] CT, 4"):
            choose(groups, wrong)
    with pytest.raises(ImageError, match="got 2"):
        choose(groups, None)
    assert choose(groups[:1], None) is groups[0]
