import sys
from pathlib import Path

import pytest

from hepareg.errors import ImageError, SettingsError
from hepareg.io.dicom_groups import group_slices, summarise
from hepareg.io.dicom_selection import choose

sys.path.insert(0, str(Path(__file__).parent))
from dicom_slices import run

SERIES = (
    (2, "Topogram", {"is_localiser": True}),
    (301, "Abdomen ART 1.0 B30f", {}),
    (302, "Abdomen art. 5.0", {"size": (256, 256)}),
    (401, "Abdomen portal-venous 1.0", {}),
    (501, "Late", {"protocol": "3 min delayed"}),
    (601, "Abdomen", {"modality": "PT"}),
)


@pytest.fixture
def groups():
    slices = []
    for n, (number, description, more) in enumerate(SERIES):
        slices += run(
            range(5),
            begin=20.0 * n,
            series_uid=f"1.2.840.{number}0",
            series_number=number,
            description=description,
            **more,
        )
    return group_slices(slices)


PICKED = {
    "2": 301, "number=301": 301, "number = 401": 401, "uid=1.2.840.3020": 302, "uid=.4010": 401, "portal": 401,
    "Portal-Venous": 401, "portal venous": 401, "abdomen ART b30": 301, "delayed": 501, "late": 501,
    "arterial 5.0": 302, "topogram": 2, " 4 ": 401, "1.0 ven": 401,
}  # fmt: skip


@pytest.mark.parametrize("text", PICKED)
def test_one_series_is_named(groups, text):
    assert choose(groups, text).slices[0].series_number == PICKED[text]


NONE = ("0", "7", "301", "-1", "number=3", "uid=0", "number=", "venous arterial", "x", "", "/")
SEVERAL = {"arterial": "2 that fit", "abdomen": "4 that fit", "abdomen 1.0": "2 that fit", "art": "2 that fit"}


@pytest.mark.parametrize(("text", "got"), [*SEVERAL.items(), *((text, "none") for text in NONE)])
def test_none_or_two_are_refused_with_the_list(groups, text, got):
    with pytest.raises(SettingsError, match=f"got {got}") as caught:
        choose(groups, text)
    assert len(caught.value.listing.splitlines()) == len(SERIES)
    assert "Abdomen" not in str(caught.value)


def test_the_list_says_what_there_is(groups):
    assert [summary.describe() for summary in summarise(groups)][:4] == [
        '[1] series 2, "Topogram", localiser, begun at +0 s, 5 images of 512x512',
        '[2] series 301, "Abdomen ART 1.0 B30f", arterial?, begun at +20 s, 5 images of 512x512',
        '[3] series 302, "Abdomen art. 5.0", arterial?, begun at +40 s, 5 images of 256x256',
        '[4] series 401, "Abdomen portal-venous 1.0", portal venous?, begun at +60 s, 5 images of 512x512',
    ]
    assert not any("Abdomen" in repr(summary) for summary in summarise(groups))


def test_without_a_choice(groups):
    with pytest.raises(ImageError, match="got 4 in the folder"):
        choose(groups, None)
    assert choose([groups[0], groups[1], groups[5]], None) is groups[1]
    with pytest.raises(ImageError, match=r"got none .but CT, PT.") as caught:
        choose([groups[0], groups[5]], None)
    assert "Topogram" in caught.value.listing


def test_three_phases_by_number_come_in_the_order_of_time():
    slices = run(range(5), begin=60.0, acquisition_number=4.0) + run(range(5), begin=0.0, acquisition_number=9.0)
    slices += run(range(3), begin=30.0, acquisition_number=1.0)
    groups = group_slices(slices)
    assert [group.slices[0].acquisition_number for group in groups] == [9, 1, 4]
    assert [(s.delay_s, s.phase) for s in summarise(groups)] == [(0, 1), (30, 2), (60, 3)]


def test_a_scout_within_the_series_is_an_entry_of_its_own():
    scout = run([0, 1], orientation=(1.0, 0.0, 0.0, 0.0, 0.0, -1.0), size=(900, 512))
    groups = group_slices([*run(range(6)), *scout[:1]])
    assert sorted(len(group.slices) for group in groups) == [1, 6]
    assert len(choose(groups, None).slices) == 6
