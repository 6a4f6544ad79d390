"""DICOM SEG objects written by hand: frames of single bits, and positions rounded as software rounds them."""

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from hepareg.errors import FileFormatError, MaskError
from hepareg.io.dicom_seg import segments_of_seg


def binary_seg(positions, frames, *, stated_mm=None, thickness_mm=None, orientation=(1, 0, 0, 0, 1, 0)):
    """Return a binary SEG of one segment with a frame at each position, in LPS mm."""
    dataset, segment, shared, measures, plane = (Dataset() for _ in range(5))
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SegmentationType, dataset.NumberOfFrames = "BINARY", len(frames)
    dataset.Rows, dataset.Columns = frames[0].shape
    dataset.BitsAllocated = dataset.BitsStored = dataset.SamplesPerPixel = 1
    dataset.HighBit = dataset.PixelRepresentation = 0
    dataset.PhotometricInterpretation = "MONOCHROME2"
    packed = np.packbits(np.stack(frames).ravel(), bitorder="little").tobytes()
    dataset.PixelData = packed + bytes(len(packed) % 2)
    segment.SegmentNumber, segment.SegmentLabel = 1, "liver"
    dataset.SegmentSequence = [segment]
    measures.PixelSpacing = [0.8, 0.7]
    if stated_mm is not None:
        measures.SpacingBetweenSlices = stated_mm
    if thickness_mm is not None:
        measures.SliceThickness = thickness_mm
    plane.ImageOrientationPatient = list(orientation)
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [_frame_at(position) for position in positions]
    return dataset


def _frame_at(position):
    frame, place, identification = Dataset(), Dataset(), Dataset()
    place.ImagePositionPatient = [float(x) for x in position]
    identification.ReferencedSegmentNumber = 1
    frame.PlanePositionSequence, frame.SegmentIdentificationSequence = [place], [identification]
    return frame


@pytest.mark.parametrize("shape", [(5, 7), (6, 6), (5, 8), (7, 9), (31, 27)])
def test_frames_of_single_bits_may_begin_within_a_byte(shape):
    frames = list(np.random.default_rng(0).random((4, *shape)) > 0.5)
    dataset = binary_seg([(0, 0, 2 * k) for k in (3, 1, 0, 2)], frames, stated_mm=2)
    expected = np.stack([frames[2], frames[1], frames[3], frames[0]]).transpose(2, 1, 0)
    np.testing.assert_array_equal(segments_of_seg(dataset).read(1, None).data, expected)


def test_too_few_bits_are_refused():
    dataset = binary_seg([(0, 0, 2 * k) for k in range(4)], [np.ones((5, 7), bool)] * 4, stated_mm=2)
    dataset.PixelData = dataset.PixelData[:-4]
    with pytest.raises(FileFormatError, match="truncated"):
        segments_of_seg(dataset).read(1, None)


@pytest.mark.parametrize("stated_mm", [None, 0.625, 0.63, 5.0])
@pytest.mark.parametrize("decimals", [1, 2])
@pytest.mark.parametrize("num_frames", [5, 480])
def test_rounded_positions_keep_their_planes(num_frames, decimals, stated_mm):
    heights = [round(-300 + 0.625 * k, decimals) for k in range(num_frames)]
    frames = [np.full((4, 4), k % 3 == 0) for k in range(num_frames)]
    mask = segments_of_seg(binary_seg([(0, 0, z) for z in heights], frames, stated_mm=stated_mm)).read(1, None)
    np.testing.assert_array_equal(mask.data[0, 0], [k % 3 == 0 for k in range(num_frames)])
    # The ends are rounded by half a unit of the last digit each, so that the whole stack is off by at most one.
    assert mask.grid.spacing_mm[2] == pytest.approx(0.625, abs=10.0**-decimals / (num_frames - 1))


def test_left_out_frames_of_rounded_positions_are_empty():
    kept = [k for k in range(400) if k % 50 < 40]
    positions = [(0, 0, round(0.625 * k, 1)) for k in kept]
    mask = segments_of_seg(binary_seg(positions, [np.ones((4, 4), bool)] * len(kept))).read(1, None)
    np.testing.assert_array_equal(np.flatnonzero(mask.data[0, 0]), kept)


def test_a_normal_of_another_length_does_not_change_the_distance():
    """Rounded cosines are not of unit length; here by far, so that the distance would differ."""
    positions = [(0, 0, 2.0 * k) for k in range(2)]
    dataset = binary_seg(positions, [np.ones((4, 4), bool)] * 2, orientation=(1.2, 0, 0, 0, 1.2, 0))
    dataset.PerFrameFunctionalGroupsSequence[1].SegmentIdentificationSequence[0].ReferencedSegmentNumber = 2
    matrix = segments_of_seg(dataset).read(1, None).grid.world_from_voxel
    assert matrix[2, 2] == pytest.approx(2.0)


@pytest.mark.parametrize("thickness_mm", [None, 1.0, 2.5, 5.0, 10.0])
def test_the_thickness_of_slices_is_not_their_distance(thickness_mm):
    """Slices of 5 mm that leave gaps, touch or overlap: no empty slice may come between them."""
    positions = [(0, 0, 5.0 * k) for k in range(6)]
    frames = [np.ones((4, 4), bool)] * 6
    mask = segments_of_seg(binary_seg(positions, frames, thickness_mm=thickness_mm)).read(1, None)
    assert mask.data.all()
    assert mask.shape[2] == 6
    assert mask.grid.spacing_mm[2] == pytest.approx(5.0)


@pytest.mark.parametrize("thickness_mm", [None, 2.0, 4.0, 3.0])
def test_frames_at_odd_multiples_of_the_distance(thickness_mm):
    """Frames 4 and 6 mm apart are those of slices 2 mm apart, whether the thickness says so or not."""
    heights = [0.0, 4.0, 10.0, 14.0]
    dataset = binary_seg([(0, 0, z) for z in heights], [np.ones((4, 4), bool)] * 4, thickness_mm=thickness_mm)
    mask = segments_of_seg(dataset).read(1, None)
    assert mask.grid.spacing_mm[2] == pytest.approx(2.0)
    np.testing.assert_array_equal(np.flatnonzero(mask.data[0, 0]), [0, 2, 5, 7])


@pytest.mark.parametrize(
    ("stated", "expected_mm"), [({"stated_mm": 3, "thickness_mm": 4}, 3), ({"thickness_mm": 4}, 4)]
)
def test_a_single_frame_is_as_thick_as_the_header_says(stated, expected_mm):
    mask = segments_of_seg(binary_seg([(0, 0, 7)], [np.ones((4, 4), bool)], **stated)).read(1, None)
    assert mask.grid.spacing_mm[2] == pytest.approx(expected_mm)


def test_frames_at_no_even_distance_are_refused():
    dataset = binary_seg([(0, 0, z) for z in (0.0, 3.0, 7.3, 12.2)], [np.ones((4, 4), bool)] * 4, thickness_mm=3.0)
    with pytest.raises(MaskError, match="even distances"):
        segments_of_seg(dataset).read(1, None)


def _far_away(dataset):
    dataset.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0].ImagePositionPatient = [0.0, 0.0, 1e9]


def _without_a_normal(dataset):
    plane = dataset.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    plane.ImageOrientationPatient = [1, 0, 0, 1, 0, 0]


def _huge(dataset):
    dataset.Rows = dataset.Columns = 65535


def _of_many_frames(dataset):
    dataset.NumberOfFrames = 2147483647


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_far_away, "fits into memory"),
        (_without_a_normal, "one direction twice"),
        (_huge, "fits into memory"),
        (_of_many_frames, "a place for each of 2147483647 frames"),
    ],
)
def test_damaged_sizes_and_places_take_no_memory(damage, message):
    dataset = binary_seg([(0, 0, 2.0 * k) for k in range(4)], [np.ones((5, 7), bool)] * 4, stated_mm=2)
    damage(dataset)
    with pytest.raises((FileFormatError, MaskError), match=message):
        segments_of_seg(dataset).read(1, None)
