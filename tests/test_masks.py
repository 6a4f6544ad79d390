"""Liver masks of every source, read onto the grid of their image and compared with the voxels they were made of."""

import gzip
import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from hepareg.errors import FileFormatError, MaskError
from hepareg.geometry import Grid
from hepareg.io.nifti import write_nifti
from hepareg.masks import read_image_or_segment, read_mask
from hepareg.volume import Provenance, Volume

GOLDEN = Path(__file__).parent / "golden" / "masks"
STORED = np.load(GOLDEN / "masks.npz")
SHAPE = STORED["liver"].shape
SPINE = 27


@pytest.fixture(params=["axial", "oblique"])
def place(request):
    return request.param


def image_at(place, **provenance):
    grid = Grid(SHAPE, STORED[place])
    return Volume(np.full(SHAPE, 60, np.int16), grid, provenance=Provenance("dicom", **provenance))


@pytest.mark.parametrize("kind", ["binary", "fractional", "labelmap"])
def test_dicom_seg(place, kind):
    """highdicom leaves frames without the segment out; the lesion lies over the liver, but in a label map instead."""
    path, image = GOLDEN / f"{place}_{kind}.dcm", image_at(place)
    liver = STORED["liver"] & ~STORED["lesion"] if kind == "labelmap" else STORED["liver"]
    for label in (1, "Liver", "liver", " LIVER"):
        np.testing.assert_array_equal(read_mask(path, label=label, like=image).data, liver)
    lesion = read_mask(path, label="lesion", like=image)
    np.testing.assert_array_equal(lesion.data, STORED["lesion"])
    assert lesion.grid is image.grid


def test_the_liver_is_taken_where_a_file_names_one():
    mask = read_mask(GOLDEN / "axial_binary.dcm", like=image_at("axial"), name="moving mask")
    np.testing.assert_array_equal(mask.data, STORED["liver"])
    assert "of the 2 segments of the moving mask the one called liver was taken" in mask.provenance.notes


@pytest.mark.parametrize("label", ["spleen", 3, "liv", 0])
@pytest.mark.parametrize("name", ["axial_binary.dcm", "axial_holes.dcm", "labels.seg.nrrd"])
def test_a_wrong_label_lists_the_names_on_the_terminal_alone(name, label):
    with pytest.raises(MaskError) as caught:
        read_mask(GOLDEN / name, label=label, like=image_at("axial"))
    assert "Lesion" in caught.value.listing
    assert "Lesion" not in str(caught.value)
    assert caught.value.options == ("mask_label", "moving_mask_label", "fixed_mask_label")


@pytest.mark.parametrize("kind", ["holes", "keyhole"])
def test_rtstruct_of_rt_utils(place, kind):
    """rt-utils traces a mask through the centres of its outermost voxels, so that every voxel comes back.

    Its own way back from the contours agrees but for single voxels at the rim of the hole.
    """
    image = image_at(place)
    mask = read_mask(GOLDEN / f"{place}_{kind}.dcm", label="liver", like=image)
    theirs = np.load(GOLDEN / f"{place}_{kind}_rt_utils.npy")
    assert np.count_nonzero(mask.data ^ STORED["liver"]) <= np.count_nonzero(theirs ^ STORED["liver"])
    assert np.count_nonzero(mask.data ^ theirs) < 0.01 * theirs.sum()
    assert not mask.data[16, 18].any()  # the hole


def test_rtstruct_on_other_grids(place):
    """On a grid at an angle, or on none, the contours are drawn on their own and sampled from there."""
    contours = GOLDEN / f"{place}_holes.dcm"
    alone = read_mask(contours, label="liver")
    volume = STORED["liver"].sum() * 0.9 * 0.9 * 3.0
    assert alone.profile.total * alone.grid.voxel_volume_mm3 == pytest.approx(volume, rel=0.2)
    # The contours run half a voxel inside of the voxels' faces, of a liver of 28 x 24 x 9 voxels with a hole.
    turned = image_at("oblique" if place == "axial" else "axial")
    mask = read_mask(contours, label="liver", like=turned)
    points = turned.grid.world_points(np.argwhere(mask.data))
    voxels = np.rint(Grid(SHAPE, STORED[place]).voxel_points(points)).astype(int).T
    inside = (voxels >= 0).all(axis=0) & (voxels < np.array(SHAPE)[:, None]).all(axis=0)
    assert STORED["liver"][tuple(voxels[:, inside])].mean() > 0.9
    assert "nearest neighbours" in mask.provenance.notes[-1]


@pytest.mark.parametrize("lost", [[5], [4, 5], [3, 5, 7]])
def test_rtstruct_with_lost_slices_is_filled_in_and_noted(tmp_path, lost):
    dataset = pydicom.dcmread(GOLDEN / "axial_holes.dcm")
    grid = Grid(SHAPE, STORED["axial"])
    roi = dataset.ROIContourSequence[0]
    heights = [grid.world_points([0, 0, k])[2] for k in lost]
    roi.ContourSequence = [
        c for c in roi.ContourSequence if min(abs(float(c.ContourData[2]) - z) for z in heights) > 0.1
    ]
    dataset.save_as(tmp_path / "rs.dcm")
    mask = read_mask(tmp_path / "rs.dcm", label="liver", like=image_at("axial"))
    noted = (
        (f"mask: slices between contours were filled in: {len(lost)}",) if lost != [3, 5, 7] else ()
    )  # every other slice
    assert mask.provenance.notes == noted
    shared = np.count_nonzero(mask.data & STORED["liver"])
    assert 2 * shared / (mask.data.sum() + STORED["liver"].sum()) > 0.95  # the outline between two neighbours


@pytest.mark.parametrize("name", ["layers.seg.nrrd", "labels.seg.nrrd"])
def test_segmentations_of_3d_slicer(name, tmp_path):
    """Two layers that overlap, or two labels; cropped to what is segmented; under another name as well."""
    liver = STORED["liver"] & ~STORED["lesion"] if name.startswith("labels") else STORED["liver"]
    shutil.copy(GOLDEN / name, tmp_path / "a.nrrd")
    for path in (GOLDEN / name, tmp_path / "a.nrrd"):
        np.testing.assert_array_equal(read_mask(path, label="LIVER", like=image_at("axial")).data, liver)
        np.testing.assert_array_equal(read_mask(path, label="lesion", like=image_at("axial")).data, STORED["lesion"])
        np.testing.assert_array_equal(read_mask(path, like=image_at("axial")).data, liver)


@pytest.mark.parametrize("wrapping", ["folder", "zip", "gz", "no preamble", "beside a text"])
def test_dicom_masks_in_any_wrapping(tmp_path, wrapping):
    for source in ("axial_binary.dcm", "axial_holes.dcm"):
        raw, folder = (GOLDEN / source).read_bytes(), tmp_path / source / "x"
        folder.mkdir(parents=True)
        path = folder / "mask"
        path.write_bytes(gzip.compress(raw) if wrapping == "gz" else raw[132:] if wrapping == "no preamble" else raw)
        if wrapping == "zip":
            with zipfile.ZipFile(tmp_path / f"{source}.zip", "w") as archive:
                archive.write(path, "a/b.dcm")
            path = tmp_path / f"{source}.zip"
        elif wrapping in ("folder", "beside a text"):
            (folder / "notes.txt").write_text("hello")
            path = folder.parent
        assert read_mask(path, label="liver", like=image_at("axial")).data.sum() > 0.99 * STORED["liver"].sum()


def test_two_dicom_masks_in_a_folder(tmp_path):
    for name in ("axial_binary.dcm", "axial_holes.dcm"):
        shutil.copy(GOLDEN / name, tmp_path / name)
    with pytest.raises(MaskError, match="got 2; give the file"):
        read_mask(tmp_path, label="liver", like=image_at("axial"))


def test_a_folder_of_one_file_a_class(tmp_path):
    grid = Grid(SHAPE, STORED["axial"])
    for name in ("liver", "lesion"):
        write_nifti(tmp_path / f"{name}.nii.gz", Volume(STORED[name].astype(np.uint8), grid))
    for label in (None, "Liver"):
        np.testing.assert_array_equal(read_mask(tmp_path, label=label, like=image_at("axial")).data, STORED["liver"])
    np.testing.assert_array_equal(read_mask(tmp_path, label="lesion", like=image_at("axial")).data, STORED["lesion"])
    with pytest.raises(MaskError) as caught:
        read_mask(tmp_path, label="spleen", like=image_at("axial"))
    assert caught.value.listing == "1: lesion\n2: liver"


def label_map(path, *, names=None, numbers=(5, SPINE)):
    """Write a NIfTI label map of liver and another structure, with or without a table of names."""
    data = np.zeros(SHAPE, np.uint8)
    data[STORED["liver"]] = numbers[0]
    data[30:38, 2:6] = numbers[1]
    image = nib.Nifti1Image(data, STORED["axial"])
    if names:
        table = "".join(f'<Label Key="{n}" Red="0" Alpha="1"><![CDATA[{name}]]></Label>\n' for n, name in names.items())
        content = (
            f"<CaretExtension><VolumeInformation><LabelTable>{table}</LabelTable></VolumeInformation></CaretExtension>"
        )
        image.header.extensions.append(nib.nifti1.Nifti1Extension(0, content.encode()))
    nib.save(image, path)
    return data == numbers[0]


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_names_in_the_extension_of_a_nifti_file(tmp_path, suffix):
    path = tmp_path / f"labels{suffix}"
    liver = label_map(path, names={3: "spine", 4: "liver"}, numbers=(4, 3))
    for label in ("liver", 4, None):
        np.testing.assert_array_equal(read_mask(path, label=label, like=image_at("axial")).data, liver)
    with pytest.raises(MaskError) as caught:
        read_mask(path, label="spleen", like=image_at("axial"))
    assert caught.value.listing == "3: spine\n4: liver"


def test_the_shared_example_of_totalsegmentator(shared_data):
    folder = shared_data / "totalsegmentator_example"
    by_number, by_name, unasked = (read_mask(folder / "example_seg.nii.gz", label=x) for x in (5, "Liver", None))
    assert by_number.profile.total == by_name.profile.total == unasked.profile.total > 10000


def test_totalsegmentators_numbers_without_names(tmp_path):
    """5 is the liver in its maps, which go beyond 24 or have the liver as the largest; others' 5 is not guessed at."""
    path = tmp_path / "labels.nii.gz"
    for numbers in ((5, SPINE), (5, 1)):
        liver = label_map(path, numbers=numbers)
        mask = read_mask(path, label="liver", like=image_at("axial"))
        np.testing.assert_array_equal(mask.data, liver)
        assert "5 was taken as the liver" in mask.provenance.notes[0]
    label_map(path, numbers=(6, 5))
    with pytest.raises(MaskError, match="give the number of the liver"):
        read_mask(path, label="liver", like=image_at("axial"))
    with pytest.raises(MaskError, match="numbers alone"):
        read_mask(path, label="spleen", like=image_at("axial"))
    with pytest.raises(MaskError, match="got labels 5, 6"):
        read_mask(path, like=image_at("axial"))


def test_a_plain_mask_is_the_liver_by_any_name(tmp_path):
    write_nifti(tmp_path / "m.nii", Volume(STORED["liver"].astype(np.uint8), Grid(SHAPE, STORED["axial"])))
    mask = read_mask(tmp_path / "m.nii", label="liver", like=image_at("axial"))
    np.testing.assert_array_equal(mask.data, STORED["liver"])


def test_a_name_is_not_looked_for_in_a_mask_without_names(tmp_path):
    write_nifti(tmp_path / "m.nii", Volume(STORED["liver"].astype(np.uint8), Grid(SHAPE, STORED["axial"])))
    with pytest.raises(MaskError, match="'kidney' among them, got one without names"):
        read_mask(tmp_path / "m.nii", label="kidney", like=image_at("axial"))


@pytest.mark.parametrize("names", [{1: "spleen"}, {1: "spleen", 5: "liver"}, {5: "liver"}])
def test_the_only_label_is_not_the_liver_if_the_file_says_otherwise(tmp_path, names):
    label_map(tmp_path / "m.nii", names=names, numbers=(1, 1))
    with pytest.raises(MaskError, match="expected one segment called liver") as caught:
        read_mask(tmp_path / "m.nii", like=image_at("axial"))
    assert caught.value.listing == f"1: {names.get(1, 'no name')}"
    assert read_mask(tmp_path / "m.nii", label=1, like=image_at("axial")).profile.total > 0


def test_the_only_label_is_the_liver_if_it_is_called_so(tmp_path):
    liver = label_map(tmp_path / "m.nii", names={1: "Liver"}, numbers=(1, 1))
    np.testing.assert_array_equal(read_mask(tmp_path / "m.nii", like=image_at("axial")).data, liver)


def test_the_only_segment_is_not_the_liver_if_it_is_called_otherwise(tmp_path):
    dataset = pydicom.dcmread(GOLDEN / "axial_holes.dcm")
    dataset.ROIContourSequence = [c for c in dataset.ROIContourSequence if c.ReferencedROINumber == 1]
    for name in ("Spleen", "Liver", ""):
        next(r for r in dataset.StructureSetROISequence if r.ROINumber == 1).ROIName = name
        dataset.save_as(tmp_path / "rs.dcm")
        if name == "Spleen":
            with pytest.raises(MaskError, match="expected one segment called liver"):
                read_mask(tmp_path / "rs.dcm", like=image_at("axial"))
            assert read_image_or_segment(tmp_path / "rs.dcm").profile.total > 0
        else:
            assert read_mask(tmp_path / "rs.dcm", like=image_at("axial")).profile.total > 0


def test_another_frame_of_reference_or_patient_is_refused(tmp_path):
    path = GOLDEN / "axial_binary.dcm"
    own = read_mask(path, label="liver").provenance
    mine = {"world_digest": own.world_digest, "patient_digest": own.patient_digest}
    assert own.world_digest
    assert own.patient_digest
    read_mask(path, label="liver", like=image_at("axial", **mine))
    read_mask(path, label="liver", like=image_at("axial", **{**mine, "patient_digest": "x"}))  # renamed, the same frame
    with pytest.raises(MaskError, match="another frame"):
        read_mask(path, label="liver", like=image_at("axial", **{**mine, "world_digest": "x"}))
    with pytest.raises(MaskError, match="another patient ID"):
        read_mask(path, label="liver", like=image_at("axial", patient_digest="x"))


@pytest.mark.parametrize("name", ["axial_binary.dcm", "axial_holes.dcm", "layers.seg.nrrd"])
def test_another_place_is_refused_with_the_distance(name):
    image = image_at("axial")
    matrix = image.grid.world_from_voxel.copy()
    matrix[2, 3] += 500
    with pytest.raises(MaskError, match=r"\d+\.\d mm"):
        read_mask(GOLDEN / name, label="liver", like=replace(image, grid=Grid(SHAPE, matrix)))


@pytest.mark.parametrize("broken", ["no places", "no contours", "cut"])
def test_broken_dicom_masks_are_one_line(tmp_path, broken):
    path = tmp_path / "a.dcm"
    dataset = pydicom.dcmread(GOLDEN / ("axial_holes.dcm" if broken == "no contours" else "axial_binary.dcm"))
    if broken == "no places":
        for item in dataset.PerFrameFunctionalGroupsSequence:
            del item.PlanePositionSequence
    elif broken == "no contours":
        del dataset.ROIContourSequence
    dataset.save_as(path)
    if broken == "cut":
        path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read_mask(path, label="liver", like=image_at("axial"))
    assert "\n" not in str(caught.value)
    assert type(caught.value).__module__ == "hepareg.errors"


def test_no_warning_of_a_library(recwarn, capfd):
    for name in ("axial_binary.dcm", "axial_keyhole.dcm", "layers.seg.nrrd"):
        read_mask(GOLDEN / name, label="liver", like=image_at("axial"))
    assert not recwarn.list
    assert capfd.readouterr().err == ""
    assert "pydicom" in sys.modules


def test_an_image_or_a_segment(tmp_path):
    """What apply moves: an image as it is, a segment of a segmentation or of a label map where one is named."""
    for name in ("axial_binary.dcm", "layers.seg.nrrd"):
        lesion = read_image_or_segment(GOLDEN / name, label="lesion")
        assert lesion.profile.total == STORED["lesion"].sum()
        with pytest.raises(MaskError, match="2 segments, which may overlap") as caught:
            read_image_or_segment(GOLDEN / name)
        assert caught.value.options == ("mask_label",)
        assert caught.value.listing == "1: Liver\n2: Lesion"
    liver = label_map(tmp_path / "labels.nii.gz", names={5: "liver", SPINE: "spine"})
    assert set(np.unique(read_image_or_segment(tmp_path / "labels.nii.gz").data)) == {0, 5, SPINE}
    np.testing.assert_array_equal(read_image_or_segment(tmp_path / "labels.nii.gz", label="liver").data, liver)


@pytest.mark.parametrize("name", ["smith_john.nii.gz", "smith_john.nrrd"])
def test_a_damaged_file_of_a_folder_is_listed_alone(tmp_path, name):
    """A table of failures holds the text of an error, and a file's name may be a patient's."""
    (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(FileFormatError, match="a file of the folder") as caught:
        read_mask(tmp_path, label=1)
    assert "smith" not in str(caught.value)
    assert caught.value.listing == name
