"""`hepareg register` from the command line: what it prints, its exit codes, and every kind of wrong input."""

import copy
import errno
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

import hepareg
from hepareg.cli.main import main
from hepareg.geometry import Grid
from hepareg.io.dicom_output import write_dicom_series
from hepareg.io.nifti import read_nifti, write_nifti
from hepareg.registration.verdict_rules import rule_of
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

GOLDEN = Path(__file__).parents[1] / "golden"
POSE = RigidTransform.from_vectors([0.02, 0.01, 0], [3, 4, 12])


@pytest.fixture
def folder(tmp_path, pair_folder, monkeypatch):
    """An empty folder to work in, with the simulated pair under short names."""
    monkeypatch.chdir(tmp_path)
    for name in ("moving", "fixed", "moving_liver", "fixed_liver"):
        (tmp_path / f"{name}.nii.gz").symlink_to(pair_folder / f"{name}.nii.gz")
    return tmp_path


MASKS = ["--moving-mask", "moving_liver.nii.gz", "--fixed-mask", "fixed_liver.nii.gz"]
COMMAND = ["register", "moving.nii.gz", "fixed.nii.gz", "-o", "out"]


def test_accept_prints_one_line(folder, known_result, capsys):
    known_result(POSE)
    assert main([*COMMAND, *MASKS]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("accept: expected liver error 0.40 mm")
    assert out.count("\n") == 1
    assert err == ""


def test_a_note_on_an_accepted_result_is_explained(folder, known_result, capsys):
    known_result(POSE, reasons=["mask_cut_by_border"])
    assert main([*COMMAND, *MASKS, "--matrix-only"]) == 0
    assert rule_of("mask_cut_by_border").meaning in capsys.readouterr().err


def test_method_and_weights_reach_the_library(folder, known_result, capsys):
    calls = known_result(POSE)
    (folder / "mine.safetensors").write_bytes(b"read by the library")
    assert main([*COMMAND, *MASKS, "--matrix-only", "--method", "network+refine", "--weights", "mine.safetensors"]) == 0
    assert calls[0]["method"].value == "network+refine"
    assert calls[0]["weights"] == "mine.safetensors"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--weights", "mine.safetensors"], "network"),
        (["--method", "network", "--weights", "absent.safetensors"], "found none"),
        (["--method", "network", "--weights", "moving.nii.gz", *MASKS], "safetensors"),
        (["--method", "network"], "liver masks of both images"),
    ],
)
def test_a_method_that_cannot_be_used_is_one_line_and_exit_code_2(folder, capsys, options, message):
    assert main([*COMMAND, *options]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not (folder / "out").exists()


def test_review_warns_and_succeeds(folder, known_result, capsys):
    known_result(POSE, decision="review", reasons=["no_liver_mask"])
    assert main([*COMMAND, "--matrix-only"]) == 0
    out, err = capsys.readouterr()
    assert "left out" not in out  # the images were not asked for
    assert "warning" in err
    warning, explanation = err.splitlines()
    assert warning.endswith(": no_liver_mask")
    rule = rule_of("no_liver_mask")
    assert explanation == f"hepareg: no_liver_mask: {rule.meaning} {rule.what_to_do}"
    assert (folder / "out" / "moving_from_fixed.txt").exists()


def test_reject_is_exit_code_3(folder, known_result, capsys):
    known_result(POSE, decision="reject", reasons=["no_distinct_optimum", "mask_cut_by_border"])
    assert main([*COMMAND, *MASKS]) == 3
    rejection, reason, note = capsys.readouterr().err.splitlines()
    assert rejection == "hepareg: rejected, no transform was written: no_distinct_optimum, mask_cut_by_border"
    assert rule_of("no_distinct_optimum").meaning in reason
    assert note.startswith("hepareg: note: mask_cut_by_border: ")
    assert {path.name for path in (folder / "out").iterdir()} == {"qa.png", "result.json"}


def test_json_on_stdout_is_the_file(folder, known_result, capsys):
    known_result(POSE, decision="review", reasons=["masks_disagree"])
    assert main([*COMMAND, *MASKS, "--matrix-only", "--json"]) == 0
    out, err = capsys.readouterr()
    assert out == (folder / "out" / "result.json").read_text()
    assert json.loads(out)["verdict"]["decision"] == "review"
    assert "warning" in err


def test_quiet(folder, known_result, capsys):
    known_result(POSE)
    assert main([*COMMAND, *MASKS, "--matrix-only", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_terminal_sees_the_stages(folder, known_result, capsys, monkeypatch):
    known_result(POSE)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert main([*COMMAND, *MASKS, "--matrix-only"]) == 0
    assert "refinement" in capsys.readouterr().err


def test_overwrite_replaces_an_older_result_and_nothing_else(folder, known_result, capsys):
    known_result(POSE)
    assert main([*COMMAND, *MASKS]) == 0
    assert main([*COMMAND, *MASKS, "--matrix-only"]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*COMMAND, *MASKS, "--matrix-only", "--overwrite"]) == 0
    assert not (folder / "out" / "qa.png").exists()
    (folder / "out" / "thesis.docx").write_text("precious")
    assert main([*COMMAND, *MASKS, "--overwrite"]) == 2
    assert (folder / "out" / "thesis.docx").exists()
    (folder / "out" / "thesis.docx").unlink()
    moved = ["register", "out/moving.nii.gz", "fixed.nii.gz", "-o", "out", "--overwrite"]
    assert main(moved) == 2
    (folder / "case").mkdir()
    write_nifti(folder / "case" / "warped.nii.gz", read_nifti("moving.nii.gz"))
    assert main(["register", "case/warped.nii.gz", "fixed.nii.gz", "-o", "case", "--overwrite"]) == 2
    assert (folder / "case" / "warped.nii.gz").exists()
    assert "holds an input" in capsys.readouterr().err


def test_matrix_only_imports_no_drawing(folder):
    """In a process of its own; the imports are a good part of the time that the command may take."""
    code = (
        "import sys; from hepareg.cli.main import main; code = main(sys.argv[1:]);"
        "print('PIL' in sys.modules, 'SimpleITK' in sys.modules, 'nibabel' in sys.modules, code)"
    )
    arguments = [*COMMAND, "--matrix-only", "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(Path(hepareg.__file__).parents[1])}
    process = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(process, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split()[:3] == ["False", "False", "False"]


def image_with(folder, name, change):
    """Write a changed copy of the moving image."""
    volume = read_nifti(folder / "moving.nii.gz")
    path = folder / name
    write_nifti(path, change(volume))
    return name


def edited(offset, values, dtype, *, qform_code=None):
    """Return a function that changes bytes of a NIfTI header, and the code that says whether its qform holds."""

    def change(folder, name="changed.nii"):
        write_nifti(folder / name, read_nifti(folder / "moving.nii.gz"))
        content = bytearray((folder / name).read_bytes())
        new = np.array(values, dtype).tobytes()
        content[offset : offset + len(new)] = new
        if qform_code is not None:
            content[252:254] = np.array(qform_code, "<i2").tobytes()
        (folder / name).write_bytes(content)
        return {"moving": name}

    return change


def missing(folder):
    return {"moving": "absent.nii.gz"}


def missing_mask(folder):
    return {"moving_mask": "absent.nii.gz"}


def text_file(folder):
    (folder / "notes.nii.gz").write_text("not an image")
    return {"fixed": "notes.nii.gz"}


def picture_file(folder):
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(400))
    return {"moving": "picture.png"}


def truncated(folder):
    (folder / "cut.nii.gz").write_bytes((folder / "moving.nii.gz").read_bytes()[:-2000])
    return {"moving": "cut.nii.gz"}


def damaged(folder):
    content = bytearray((folder / "moving.nii.gz").read_bytes())
    content[1000:1100] = bytes(100)
    (folder / "damaged.nii.gz").write_bytes(content)
    return {"moving": "damaged.nii.gz"}


def four_dimensional(folder):
    image = sitk.JoinSeries([sitk.Image(8, 8, 8, sitk.sitkInt16)] * 2)
    sitk.WriteImage(image, str(folder / "series.nii.gz"))
    return {"moving": "series.nii.gz"}


def vectors(folder):
    sitk.WriteImage(sitk.Image([8, 8, 8], sitk.sitkVectorUInt8, 3), str(folder / "vectors.nii.gz"))
    return {"moving": "vectors.nii.gz"}


def single_slice(folder):
    return {"moving": image_with(folder, "slice.nii.gz", lambda v: v.crop((0, 0, 20), (*v.shape[:2], 21)))}


def infinite(folder):
    def change(volume):
        data = volume.data.astype(np.float32)
        data[7, 5, 5] = np.inf
        return volume.with_data(data)

    return {"fixed": image_with(folder, "inf.nii.gz", change)}


def not_finite(folder):
    def change(volume):
        data = volume.data.astype(np.float32)
        data[5, 5, 5] = np.nan
        return volume.with_data(data)

    return {"moving": image_with(folder, "nan.nii.gz", change)}


def magnetic_resonance(folder):
    return {"moving": image_with(folder, "mr.nii.gz", lambda v: v.with_data((v.data + 1024).astype(np.uint16)))}


def grey_levels(folder):
    def change(volume):
        return volume.with_data((np.clip(volume.data, -200, 300) / 2 + 100).astype(np.uint8))

    return {"moving": image_with(folder, "grey.nii.gz", change)}


def empty_mask(folder):
    write_nifti(folder / "empty.nii.gz", (m := read_nifti(folder / "moving_liver.nii.gz")).with_data(m.data * 0))
    return {"moving_mask": "empty.nii.gz"}


def other_place(folder):
    mask = read_nifti(folder / "fixed_liver.nii.gz")
    matrix = mask.grid.world_from_voxel.copy()
    matrix[2, 3] += 700
    write_nifti(folder / "far.nii.gz", Volume(mask.data, Grid(mask.shape, matrix)))
    return {"fixed_mask": "far.nii.gz"}


def several_labels(folder):
    mask = read_nifti(folder / "fixed_liver.nii.gz")
    labels = mask.data.copy()
    labels[:3] = 7
    write_nifti(folder / "labels.nii.gz", mask.with_data(labels))
    return {"fixed_mask": "labels.nii.gz"}


def lung_as_liver(folder):
    """A label map's wrong label: its voxels are air."""
    image, mask = read_nifti(folder / "fixed.nii.gz"), read_nifti(folder / "fixed_liver.nii.gz")
    write_nifti(folder / "lung.nii.gz", mask.with_data((image.data < -500).astype(np.uint8)))
    return {"fixed_mask": "lung.nii.gz"}


def absent_label(folder):
    return {**several_labels(folder), "options": ["--mask-label", "9"]}


def ct_as_mask(folder):
    return {"fixed_mask": "fixed.nii.gz"}


def mask_as_ct(folder):
    return {"moving": "moving_liver.nii.gz"}


def no_overlap(folder):
    def change(volume):
        matrix = volume.grid.world_from_voxel.copy()
        matrix[2, 3] += 3000
        return Volume(volume.data, Grid(volume.shape, matrix))

    return {"moving": image_with(folder, "far.nii.gz", change)}


def twice(folder):
    return {"moving": "fixed.nii.gz"}


def two_patients(folder):
    for name in ("moving", "fixed"):
        image = read_nifti(folder / f"{name}.nii.gz")
        write_dicom_series(folder / f"dicom_{name}", image, study=name, series_number=1, description="x")
    import pydicom

    for path in (folder / "dicom_moving").iterdir():
        dataset = pydicom.dcmread(path)
        dataset.PatientID = "SECRET-7"
        dataset.save_as(path)
    return {"moving": "dicom_moving", "fixed": "dicom_fixed"}


def several_series(folder):
    for number, name in enumerate(("moving", "fixed")):
        image = read_nifti(folder / f"{name}.nii.gz")
        write_dicom_series(folder / "both" / name, image, study="1", series_number=number, description=name)
    return {"moving": "both"}


def missing_slice(folder):
    write_dicom_series(
        folder / "gap", read_nifti(folder / "moving.nii.gz"), study="1", series_number=1, description="x"
    )
    sorted((folder / "gap").iterdir())[20].unlink()
    return {"moving": "gap"}


def dicom_with(change):
    """Return what writes the moving image as DICOM with ``change(datasets)`` made to its slices, sorted by place."""

    def make(folder):
        import pydicom

        image = read_nifti(folder / "moving.nii.gz")
        write_dicom_series(folder / "changed", image, study="1", series_number=1, description="x")
        datasets = sorted(map(pydicom.dcmread, (folder / "changed").iterdir()), key=lambda d: d.ImagePositionPatient[2])
        shutil.rmtree(folder / "changed")
        (folder / "changed").mkdir()
        for n, dataset in enumerate(change(datasets) or datasets):
            dataset.save_as(folder / "changed" / f"{n:04d}.dcm")
        return {"moving": "changed"}

    return make


def uneven(datasets):
    for n, dataset in enumerate(datasets):
        dataset.ImagePositionPatient[2] += 0.01 * n * n


def tilted(datasets):
    for n, dataset in enumerate(datasets):
        dataset.ImagePositionPatient[1] += 0.6 * n


def doubled(datasets):
    other = copy.deepcopy(datasets[3])
    other.RescaleIntercept = 7
    return [*datasets, other]


def without_rescale(datasets):
    for dataset in datasets:
        del dataset.RescaleIntercept, dataset.RescaleSlope


def of_mr(datasets):
    for dataset in datasets:
        dataset.Modality = "MR"


def of_two_sizes(datasets):
    for dataset in datasets[:4]:
        dataset.PixelSpacing = [1.0, 1.0]


def single_dicom_slice(datasets):
    return datasets[:1]


def no_dicom(folder):
    (folder / "nothing").mkdir()
    return {"moving": "nothing"}


def affine_start(folder):
    (folder / "affine.txt").write_text("1.1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n")
    return {"options": ["--start", "affine.txt"]}


def text_start(folder):
    (folder / "start.txt").write_text("ten mm upwards")
    return {"options": ["--start", "start.txt"]}


def out_is_a_file(folder):
    (folder / "file").write_text("mine")
    return {"out": "file"}


def out_under_a_file(folder):
    (folder / "file").write_text("mine")
    return {"out": "file/out"}


def out_is_not_empty(folder):
    (folder / "full").mkdir()
    (folder / "full" / "mine.txt").write_text("mine")
    return {"out": "full"}


def series_of_a_file(folder):
    return {"options": ["--moving-series", "2"]}


def space_without_start(folder):
    return {"options": ["--transform-space", "lps"]}


def space_of_a_format_with_its_own(folder):
    (folder / "start.lta").write_bytes((GOLDEN / "surfa_world.lta").read_bytes())
    return {"options": ["--start", "start.lta", "--transform-space", "lps"]}


def no_threads(folder):
    return {"options": ["--threads", "0"]}


SINGULAR = np.zeros((3, 4))
SHEARED = np.array([[4.0, 0, 2.0, 0], [0, 4.0, 0, 0], [0, 0, 4.0, 0]])
CASES = {
    missing: "does not exist",
    missing_mask: "does not exist",
    text_file: "NIfTI",
    picture_file: "expected a NIfTI",
    truncated: "truncated",
    damaged: "damaged|truncated",
    four_dimensional: "3-D",
    vectors: "3-D",
    edited(70, 128, "<i2"): "colour",
    single_slice: "single slice",
    not_finite: "NaN",
    infinite: "infinity",
    magnetic_resonance: "Hounsfield",
    grey_levels: "Hounsfield",
    empty_mask: "empty",
    other_place: r"one \d+\.\d mm away",
    several_labels: "--mask-label",
    absent_label: "label 9",
    lung_as_liver: "expected a liver under the fixed mask, got a median of -[0-9]+ HU",
    ct_as_mask: "image given in its place",
    mask_as_ct: "Hounsfield|got a mask",
    no_overlap: "overlap in the world",
    twice: "--allow-identical",
    two_patients: "--allow-different-patients",
    several_series: r"\[1\] series 0, \"moving\".*; \[2\] series 1, \"fixed\"",
    missing_slice: "missing|gap|spacing",
    no_dicom: "DICOM",
    dicom_with(uneven): "even distances",
    dicom_with(tilted): "gantry tilted",
    dicom_with(doubled): "1 doubled with other pixels",
    dicom_with(without_rescale): "Rescale Slope and Intercept",
    dicom_with(of_mr): "CT series",
    dicom_with(of_two_sizes): "one pixel spacing",
    dicom_with(single_dicom_slice): "single slice",
    affine_start: "rigidify",
    text_start: "four lines",
    out_is_a_file: "existing file",
    out_under_a_file: "cannot",
    out_is_not_empty: "--overwrite",
    series_of_a_file: "folder of DICOM",
    no_threads: "thread",
    space_without_start: "--start",
    space_of_a_format_with_its_own: "states its own [(]ras[)]",
    edited(280, SINGULAR, "<f4", qform_code=0): "singular",
    edited(280, SHEARED, "<f4", qform_code=0): "sheared",
    edited(280, SHEARED, "<f4"): "sform and qform agree",
    edited(252, [0, 0], "<i2"): "orientation",
}


@pytest.mark.parametrize(
    ("make", "message"), CASES.items(), ids=[getattr(c, "__name__", "") + f"_{n}" for n, c in enumerate(CASES)]
)
def test_wrong_input_is_one_line_and_leaves_nothing(folder, known_result, capsys, make, message):
    known_result(POSE)
    given = {"moving": "moving.nii.gz", "fixed": "fixed.nii.gz", "out": "out", "options": [], **make(folder)}
    before = sorted(path for path in folder.rglob("*"))
    command = ["register", given["moving"], given["fixed"], "-o", given["out"], *given["options"]]
    for side in ("moving_mask", "fixed_mask"):
        if side in given:
            command += [f"--{side.replace('_', '-')}", given[side]]
    assert main(command) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("hepareg: error: ")
    assert err.count("\n") == 1
    assert re.search(message, err), err
    assert "SECRET" not in err
    assert sorted(path for path in folder.rglob("*")) == before


def test_what_is_allowed_on_request(folder, known_result, capsys):
    known_result(POSE)
    assert main(["register", "fixed.nii.gz", "fixed.nii.gz", "-o", "a", "--allow-identical", "--matrix-only"]) == 0
    assert "note: both images are the same" in capsys.readouterr().err
    given = two_patients(folder)
    command = ["register", given["moving"], given["fixed"], "-o", "b", "--matrix-only", "--allow-different-patients"]
    assert main(command) == 0
    assert "different patients" in capsys.readouterr().err
    assert "SECRET" not in (folder / "b" / "result.json").read_text()


def test_images_apart_with_both_masks(folder, known_result, capsys):
    known_result(POSE)
    for name in ("moving", "moving_liver"):
        volume = read_nifti(folder / f"{name}.nii.gz")
        matrix = volume.grid.world_from_voxel.copy()
        matrix[2, 3] += 1500
        write_nifti(folder / f"far_{name}.nii.gz", Volume(volume.data, Grid(volume.shape, matrix)))
    command = ["register", "far_moving.nii.gz", "fixed.nii.gz", "-o", "out", "--matrix-only"]
    assert main([*command, "--moving-mask", "far_moving_liver.nii.gz", "--fixed-mask", "fixed_liver.nii.gz"]) == 0
    assert "started from the masks" in capsys.readouterr().err


def test_cuda_where_there_is_none(folder, capsys, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main([*COMMAND, "--device", "cuda"]) == 2
    err = capsys.readouterr().err
    assert "choose the device cpu (--device)" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("number", "message"), [(errno.ENOSPC, "disk is full"), (errno.EDQUOT, "disk is full"), (errno.EROFS, "permission")]
)
@pytest.mark.parametrize("where", ["register_outputs.write_nifti", "register_files.write_json"])
def test_disk_that_cannot_be_written(folder, known_result, capsys, monkeypatch, number, message, where):
    def full(*_, **__):
        raise OSError(number, "no")

    known_result(POSE)
    monkeypatch.setattr(f"hepareg.workflows.{where}", full)
    assert main([*COMMAND, *MASKS]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not list(folder.glob("*out*"))


def test_out_that_may_not_be_written(folder, known_result, capsys, monkeypatch):
    def refuse(**_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("hepareg.workflows.atomic.tempfile.mkdtemp", refuse)
    calls = known_result(POSE)
    assert main(COMMAND) == 2
    assert "got out in a folder that cannot (Permission denied)" in capsys.readouterr().err
    assert not calls
    assert not (folder / "out").exists()


def test_interrupted_while_writing(folder, known_result, capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    known_result(POSE)
    monkeypatch.setattr("hepareg.workflows.register_files.write_json", interrupt)
    assert main([*COMMAND, *MASKS, "--matrix-only"]) == 130
    assert "nothing was written" in capsys.readouterr().err
    assert not list(folder.glob("*out*"))


def test_truth_of_gzip_is_checked_to_the_end(folder, known_result, capsys):
    """A file whose voxels are all there but whose checksum is wrong."""
    content = bytearray(gzip.compress(gzip.decompress((folder / "moving.nii.gz").read_bytes())))
    content[-8] ^= 1
    (folder / "bad.nii.gz").write_bytes(content)
    assert main(["register", "bad.nii.gz", "fixed.nii.gz", "-o", "out"]) == 2
    assert "damaged" in capsys.readouterr().err
