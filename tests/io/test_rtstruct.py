"""Structure sets whose contours are damaged, which would otherwise lose slices of the liver."""

import math
from pathlib import Path

import pydicom
import pytest

from hepareg.errors import MaskError
from hepareg.io.rtstruct import segments_of_rtstruct

GOLDEN = Path(__file__).parents[1] / "golden" / "masks" / "axial_holes.dcm"


def with_contour(numbers, stated):
    """Return the golden structure set with other data in one contour of its first region, and that region's number."""
    dataset = pydicom.dcmread(GOLDEN)
    item = dataset.ROIContourSequence[0]
    contour = item.ContourSequence[2]
    contour.ContourData = numbers(list(contour.ContourData))
    if stated is None:
        del contour.NumberOfContourPoints
    elif stated != "same":
        contour.NumberOfContourPoints = stated
    return segments_of_rtstruct(dataset), int(item.ReferencedROINumber)


@pytest.mark.parametrize(
    ("numbers", "stated"),
    [
        (lambda all_numbers: all_numbers[:-3], "same"),
        (lambda all_numbers: all_numbers[:-1], None),
        (lambda all_numbers: [], 4),
        (lambda all_numbers: [math.nan, *all_numbers[1:]], "same"),
        (lambda all_numbers: [1e300, *all_numbers[1:]], "same"),
    ],
)
def test_a_damaged_contour_is_refused_for_its_region_alone(numbers, stated):
    segments, number = with_contour(numbers, stated)
    with pytest.raises(MaskError, match="cut off or damaged"):
        segments.read(number, None)
    other = next(n for n in segments.names if n != number)
    assert segments.read(other, None).profile.total > 0


def test_a_contour_of_one_point_has_no_area():
    segments, number = with_contour(lambda all_numbers: all_numbers[:3], 1)
    assert segments.read(number, None).profile.total > 0


def test_two_items_of_one_region_are_refused():
    dataset = pydicom.dcmread(GOLDEN)
    first, second = dataset.ROIContourSequence[:2]
    second.ReferencedROINumber = first.ReferencedROINumber
    with pytest.raises(MaskError, match="got two with its number"):
        segments_of_rtstruct(dataset)
