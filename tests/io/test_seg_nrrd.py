"""Headers of 3D Slicer's segmentations: old files without layers, and spaces and units that place no liver."""

import numpy as np
import pytest
import SimpleITK as sitk

from hepareg.errors import ImageError, MaskError
from hepareg.masks import read_mask

SPLEEN, LIVER = 8, 27


def written(path, fields, *, num_layers=2):
    """Write a spleen and a liver: each in a layer of its own with the value 1, or both in one layer with 1 and 2."""
    data = np.zeros((6, 7, 8, 2), np.uint8)
    data[1:3, 1:3, 1:3, 0] = 1
    data[3:6, 3:6, 3:6, 1] = 1
    if num_layers == 1:
        data = data[..., 0] + 2 * data[..., 1]
    image = sitk.GetImageFromArray(data, isVector=num_layers == 2)
    for key, value in {"Segment0_Name": "spleen", "Segment1_Name": "liver", **fields}.items():
        image.SetMetaData(key, value)
    sitk.WriteImage(image, str(path))
    return path


def test_old_files_have_a_layer_for_each_segment(tmp_path):
    path = written(tmp_path / "old.seg.nrrd", {})
    assert read_mask(path, label="liver").profile.total == LIVER
    assert read_mask(path, label="spleen").profile.total == SPLEEN


def test_labels_of_the_only_layer_need_no_layer(tmp_path):
    path = written(tmp_path / "a.seg.nrrd", {"Segment0_LabelValue": "1", "Segment1_LabelValue": "2"}, num_layers=1)
    assert read_mask(path, label="liver").profile.total == LIVER


@pytest.mark.parametrize(
    "fields",
    [
        {"Segment0_Layer": "0", "Segment0_LabelValue": "1"},
        {"Segment0_LabelValue": "1", "Segment1_LabelValue": "1"},
        {"Segment0_Layer": "0", "Segment1_Layer": "1", "Segment0_LabelValue": "1"},
    ],
)
def test_segments_of_which_only_some_have_a_place_are_refused(tmp_path, fields):
    with pytest.raises(MaskError, match="got segments without"):
        read_mask(written(tmp_path / "a.seg.nrrd", fields), label="liver")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"space: left-posterior-superior", b"space: 3D-right-handed", "space of a patient"),
        (b"space: left-posterior-superior", b"space: scanner-xyz", "space of a patient"),
        (b"space origin", b'space units: "cm" "cm" "cm"\nspace origin', "expected millimetres"),
    ],
)
def test_another_space_or_unit_is_refused_as_in_any_nrrd(tmp_path, old, new, message):
    path = written(tmp_path / "a.seg.nrrd", {})
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(ImageError, match=message):
        read_mask(path, label="liver")
