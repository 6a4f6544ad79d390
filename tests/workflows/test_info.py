"""What `hepareg info` sees, and what it finds wrong."""

import json
import shutil
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from hepareg.cli.main import main
from hepareg.errors import FileFormatError, MaskError
from hepareg.io.transforms import write_transform
from hepareg.masks import read_mask
from hepareg.transforms import RigidTransform
from hepareg.workflows.info import describe

sys.path.insert(0, str(Path(__file__).parents[1] / "io"))
from dicom_writer import write_series

MASKS = Path(__file__).parents[1] / "golden" / "masks"
HU = np.random.default_rng(0).normal(50, 300, (40, 40, 12)).astype(np.int16)


def ct_folder(path, **options):
    write_series(path, HU + 1024, SeriesDescription="Leber arteriell 2.0", SeriesNumber=301, **options)
    return path


def test_a_good_series(tmp_path):
    found = describe(ct_folder(tmp_path / "a"))
    assert (found.kind, found.problems) == ("DICOM", ())
    entry = found.entries[0]
    assert entry["title"] == '[1] series 301, "Leber arteriell 2.0", arterial?, 12 images of 40x40'
    assert "40x40x12 voxels of 0.7 x 0.8 x 2.5 mm, axes LPS" in entry["grid"]
    assert entry["values"].startswith(f"{HU.min()} to {HU.max()} HU")


def test_what_is_wrong_with_a_series(tmp_path):
    ct_folder(tmp_path / "a", keep=lambda k: k != 4)
    ct_folder(tmp_path / "b", AcquisitionTime="101500")
    ct_folder(tmp_path / "c", RescaleSlope=None)
    found = describe(tmp_path)
    assert len(found.entries) == 3
    assert [problem[:3] for problem in found.problems] == ["[2]", "[3]"]
    assert any("got 1 missing at z = 40.0 mm" in problem for problem in found.problems)
    assert any("Rescale Slope" in problem for problem in found.problems)


def test_nothing_identifies_the_patient(tmp_path):
    ct_folder(tmp_path / "a")
    text = describe(tmp_path).as_text() + json.dumps(describe(tmp_path).as_dict())
    for secret in ("SECRET", "Doe", "Jane", "1.2.826"):
        assert secret not in text


def test_masks_with_labels_and_volumes():
    liver = np.load(MASKS / "masks.npz")["liver"].sum() * 0.9 * 0.9 * 3 / 1000
    for name in ("axial_binary.dcm", "layers.seg.nrrd"):
        found = describe(MASKS / name)
        assert [entry["title"] for entry in found.entries] == ["segment 1: Liver", "segment 2: Lesion"]
        assert found.entries[0]["volume_ml"] == pytest.approx(liver, abs=0.01)
        assert not found.problems
    assert describe(MASKS / "axial_holes.dcm").kind == "DICOM with a structure set"


def test_a_mask_beside_its_images(tmp_path):
    ct_folder(tmp_path / "ct")
    shutil.copy(MASKS / "axial_binary.dcm", tmp_path / "seg.dcm")
    found = describe(tmp_path)
    assert found.kind == "DICOM with a segmentation"
    assert len(found.entries) == 3


def test_nifti(tmp_path):
    nib.save(nib.Nifti1Image(HU, np.diag([2.0, 2, 3, 1])), tmp_path / "ct.nii.gz")
    labels = np.zeros(HU.shape, np.uint8)
    labels[5:15, 5:15, 2:8], labels[20:25, 20:25] = 5, 9
    nib.save(nib.Nifti1Image(labels, np.diag([2.0, 2, 3, 1])), tmp_path / "labels.nii.gz")
    assert describe(tmp_path / "ct.nii.gz").kind == "image"
    found = describe(tmp_path / "labels.nii.gz")
    assert [(e["title"], e["volume_ml"]) for e in found.entries[1:3]] == [("label 5", 7.2), ("label 9", 3.6)]
    nib.save(nib.Nifti1Image(np.abs(HU), np.diag([2.0, 2, 3, 1])), tmp_path / "mr.nii.gz")
    assert "no negative values" in describe(tmp_path / "mr.nii.gz").problems[0]
    nib.save(nib.Nifti1Image(labels * 0, np.diag([2.0, 2, 3, 1])), tmp_path / "none.nii.gz")
    assert describe(tmp_path / "none.nii.gz").problems == ("the mask is empty",)
    folder = tmp_path / "classes"
    folder.mkdir()
    nib.save(nib.Nifti1Image((labels == 5).astype(np.uint8), np.diag([2.0, 2, 3, 1])), folder / "liver.nii.gz")
    assert describe(folder).entries[0]["title"] == "segment 1: liver"


def test_transforms(tmp_path):
    write_transform(tmp_path / "t.tfm", RigidTransform.from_vectors([0, 0, 0.1], [1, 2, 3]))
    found = describe(tmp_path / "t.tfm")
    assert (found.kind, found.problems) == ("transform", ())
    assert found.entries[0]["stored_direction"] == "moving_from_fixed"
    assert found.entries[0]["stored_convention"] == "lps"
    assert found.entries[0]["rotation_deg"] == pytest.approx(np.degrees(0.1), abs=1e-3)
    golden = Path(__file__).parents[1] / "golden"
    assert describe(golden / "surfa_world.lta").entries[0]["stored_direction"] == "fixed_from_moving"
    assert describe(golden / "fsl_flirt.mat").problems == ()
    np.savetxt(tmp_path / "unnamed.txt", np.eye(4))
    found = describe(tmp_path / "unnamed.txt")
    assert found.entries[0]["stored_direction"] == "not stated"
    assert len(found.problems) == 1


def test_points_and_their_space(tmp_path):
    (tmp_path / "m.obj").write_text("# SPACE=LPS\nv 0 0 0\nv 1 0 0\nv 0 1 5\nf 1 2 3\n")
    found = describe(tmp_path / "m.obj")
    assert (found.kind, found.entries[0]["stated_space"]) == ("mesh", "lps")
    assert found.entries[0]["highest_mm"] == [1.0, 1.0, 5.0]
    (tmp_path / "p.csv").write_text("x,y,z\n1,2,3\n4,5,6\n")
    found = describe(tmp_path / "p.csv")
    assert found.kind == "landmarks"
    assert found.entries[0]["stated_space"].startswith("none")


def test_exit_codes_and_json(tmp_path, capsys):
    ct_folder(tmp_path / "a")
    assert main(["info", str(tmp_path / "a")]) == 0
    assert "arterial?" in capsys.readouterr().out
    assert main(["info", str(tmp_path / "a"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "DICOM"
    ct_folder(tmp_path / "b", RescaleSlope=None)
    assert main(["info", str(tmp_path / "b")]) == 2
    assert "problem: [1] expected Rescale Slope" in capsys.readouterr().out
    (tmp_path / "text").write_text("hello")
    assert main(["info", str(tmp_path / "text")]) == 2
    assert main(["info", str(tmp_path / "absent")]) == 2
    with pytest.raises(FileFormatError, match="does not exist"):
        describe(tmp_path / "absent")


AFFINE = np.diag([2.0, 2, 3, 1])


def save(path, data, affine=AFFINE):
    path.parent.mkdir(exist_ok=True)
    nib.save(nib.Nifti1Image(data, affine), path)
    return path


def box(*ranges, value=1):
    data = np.zeros(HU.shape, np.uint8)
    data[tuple(slice(*r) for r in ranges)] = value
    return data


LIVER_BOX, OTHER_BOX = ((5, 15), (5, 15), (2, 8)), ((20, 25), (5, 15), (2, 8))


def test_images_of_a_folder_are_no_segments(tmp_path):
    folder = tmp_path / "study"
    for name in ("arterial", "venous"):
        save(folder / f"{name}.nii.gz", HU)
    found = describe(folder)
    assert (found.kind, found.problems) == ("folder of images", ())
    assert [entry["title"] for entry in found.entries] == ["image: arterial", "image: venous"]
    assert found.entries[0]["values"].endswith(f"{np.percentile(HU, 99):.0f}")
    save(folder / "liver.nii.gz", box(*LIVER_BOX))
    found = describe(folder)
    assert found.kind == "folder of images and masks"
    assert found.entries[1]["title"] == "segment 2: liver"
    assert found.entries[1]["taken_as_liver"].startswith("yes")


def test_a_result_folder_is_called_one(tmp_path):
    verdict = {"decision": "review", "expected_liver_tre_mm": 0.4321, "reasons": ["no_liver_mask"]}
    save(tmp_path / "out" / "warped.nii.gz", HU)
    (tmp_path / "out" / "result.json").write_text(json.dumps({"schema_version": 1, "verdict": verdict}))
    found = describe(tmp_path / "out")
    assert (found.kind, found.problems) == ("result of hepareg register", ())
    assert found.entries[0]["title"] == "verdict: review"
    assert found.entries[0]["expected_liver_error_mm"] == 0.43
    assert found.entries[0]["files"] == "result.json, warped.nii.gz"
    assert found.entries[1]["title"] == "image: warped"
    verdict |= {"decision": "reject"}
    (tmp_path / "out" / "warped.nii.gz").unlink()
    (tmp_path / "out" / "result.json").write_text(json.dumps({"schema_version": 1, "verdict": verdict}))
    found = describe(tmp_path / "out")
    assert (found.kind, found.problems) == ("result of hepareg register", ())
    assert "expected_liver_error_mm" not in found.entries[0]


@pytest.mark.parametrize(
    ("masks", "taken"),
    [
        ({"liver": box(*LIVER_BOX), "spleen": box(*OTHER_BOX)}, "segment 1: liver"),
        ({"spleen": box(*OTHER_BOX), "tumour": box(*LIVER_BOX)}, None),
    ],
)
def test_the_label_that_is_taken_as_the_liver_is_said(tmp_path, masks, taken):
    for name, data in masks.items():
        save(tmp_path / "classes" / f"{name}.nii.gz", data)
    check_taken(tmp_path / "classes", taken)


def test_the_label_of_a_map_that_is_taken_as_the_liver_is_said(tmp_path):
    check_taken(save(tmp_path / "one.nii.gz", box(*LIVER_BOX, value=7)), "label 7")
    check_taken(save(tmp_path / "two.nii.gz", box(*LIVER_BOX, value=7) + box(*OTHER_BOX)), None)
    check_taken(MASKS / "layers.seg.nrrd", "segment 1: Liver")
    check_taken(MASKS / "axial_binary.dcm", "segment 1: Liver")


def check_taken(path, taken):
    """Check the statement of `describe` against the mask that `read_mask` returns without a choice."""
    entries = describe(path).entries
    assert [entry["title"] for entry in entries if "taken_as_liver" in entry] == ([taken] if taken else [])
    if taken is None:
        assert entries[-1]["title"] == "no label is taken as the liver without a choice"
        with pytest.raises(MaskError) as caught:
            read_mask(path)
        assert entries[-1]["reason"] == str(caught.value)
        return
    mask = read_mask(path)
    volume_ml = next(entry["volume_ml"] for entry in entries if entry["title"] == taken)
    assert mask.data.sum() * mask.grid.voxel_volume_mm3 / 1000 == pytest.approx(volume_ml, abs=0.01)


def test_probabilities_are_no_ct_with_faults(tmp_path):
    found = describe(save(tmp_path / "soft.nii.gz", box(*LIVER_BOX) * np.float32(0.7)))
    assert (found.kind, found.problems) == ("mask of probabilities", ())
    assert "7.2 ml" in found.entries[0]["values"]


def test_one_of_two_geometries_is_chosen(tmp_path, capsys):
    image = nib.Nifti1Image(HU, AFFINE)
    apart = AFFINE.copy()
    apart[2, 3] += 30
    image.set_sform(AFFINE, 1)
    image.set_qform(apart, 1)
    nib.save(image, tmp_path / "ct.nii.gz")
    assert main(["info", str(tmp_path / "ct.nii.gz")]) == 2
    assert "say which one holds, sform or qform" in capsys.readouterr().out
    assert main(["info", str(tmp_path / "ct.nii.gz"), "--geometry", "qform"]) == 0
    assert "origin (0.00, 0.00, 30.00) mm" in capsys.readouterr().out


def test_a_file_of_another_kind_is_called_one(tmp_path):
    for name, content in (("qa.png", b"\x89PNG\r\n\x00"), ("pair.json", b"{}"), ("notes", b"hello")):
        (tmp_path / name).write_bytes(content)
        assert "file of another kind" in describe(tmp_path / name).problems[0]


def test_what_a_folder_without_images_is_told(tmp_path):
    (tmp_path / "empty").mkdir()
    assert "got an empty folder" in describe(tmp_path / "empty").problems[0]
    (tmp_path / "empty" / "notes.txt").write_text("hello")
    assert "got none among its 1 files" in describe(tmp_path / "empty").problems[0]
    with pytest.raises(MaskError, match="a file for each class, such as liver"):
        read_mask(tmp_path / "empty")
