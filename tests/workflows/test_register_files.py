"""`register_files`: every output read back, by hepareg and by the tools that the files are for."""

import json
from hashlib import sha256

import jsonschema
import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from hepareg.errors import DeviceError, FileFormatError, MaskError, RigidityError, SettingsError, TransformError
from hepareg.evaluation import tre_over_mask
from hepareg.io.dicom_output import write_dicom_series
from hepareg.io.matrix_text import write_matrix_text
from hepareg.io.nifti import read_nifti, write_nifti
from hepareg.io.transforms import read_transform, write_transform
from hepareg.networks.trained import trained_weights
from hepareg.preprocessing import LiverCrop
from hepareg.registration import Method
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.transforms.resample import resample
from hepareg.volume import Volume
from hepareg.workflows import register_files as module
from hepareg.workflows.preprocess import PreprocessSettings, preprocess
from hepareg.workflows.register_files import RegisterRequest, register_files
from hepareg.workflows.register_outputs import OUTPUT_NAMES
from hepareg.workflows.register_report import load_schema
from hepareg.workflows.register_request import METHODS

SCHEMA = load_schema()
TRANSFORM_NAMES = {name for name in OUTPUT_NAMES if name.split(".")[-1] in ("txt", "tfm", "lta", "mat")}


@pytest.fixture
def request_for(pair_folder, tmp_path):
    """Return a request on the simulated pair; other inputs and options by name."""

    def build(**options):
        given = {
            "moving": pair_folder / "moving.nii.gz",
            "fixed": pair_folder / "fixed.nii.gz",
            "moving_mask": pair_folder / "moving_liver.nii.gz",
            "fixed_mask": pair_folder / "fixed_liver.nii.gz",
            "out": tmp_path / "out",
        }
        return RegisterRequest(**{**given, **options})

    return build


@pytest.fixture
def truth_known(known_result, simulated_pair):
    liver = simulated_pair.fixed_liver
    return known_result(simulated_pair.truth, centre_mm=liver.centroid_mm)


@pytest.fixture
def written(request_for, truth_known, tmp_path):
    """Folder of all outputs of the true transform."""
    register_files(request_for())
    return tmp_path / "out"


@pytest.fixture
def landmarks(simulated_pair):
    """Five points of the fixed liver."""
    return np.array([landmark.fixed_mm for landmark in simulated_pair.landmarks[:50:10]])


def test_files_to_truth_and_the_same_bytes_again(request_for, simulated_pair, tmp_path):
    """The whole way, with the real library call."""
    one = register_files(request_for(out=tmp_path / "one"))
    register_files(request_for(out=tmp_path / "two"))
    found = read_transform(tmp_path / "one" / "moving_from_fixed.txt")
    # A tenth of these voxels of 4 mm; the benchmarks measure accuracy on images of usual resolution.
    assert tre_over_mask(found, simulated_pair.truth, mask=simulated_pair.fixed_liver).worst_mm < 1.0
    assert one.decision != "reject"
    assert one.report["dice"]["after"] > 0.95 > one.report["dice"]["before"]
    assert {path.name for path in (tmp_path / "one").iterdir()} == set(OUTPUT_NAMES)
    for path in (tmp_path / "one").iterdir():
        if path.name != "result.json":
            assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
    reports = [json.loads((tmp_path / name / "result.json").read_text()) for name in ("one", "two")]
    jsonschema.validate(reports[0], SCHEMA)
    assert reports[0].pop("timings").keys() >= {"reading_s", "refinement_s", "verdict_s", "writing_s", "total_s"}
    reports[1].pop("timings")
    assert reports[0] == reports[1]


def test_text_matrices(written, simulated_pair):
    there, back = (np.loadtxt(written / name) for name in ("moving_from_fixed.txt", "fixed_from_moving.txt"))
    assert np.array_equal(there, simulated_pair.truth.matrix)
    assert np.abs(there @ back - np.eye(4)).max() < 1e-12
    for R in (there[:3, :3], back[:3, :3]):
        assert np.abs(R.T @ R - np.eye(3)).max() < 1e-12
        assert abs(np.linalg.det(R) - 1) < 1e-12


def test_simpleitk_moves_landmarks_alike(written, landmarks, simulated_pair):
    transform = sitk.ReadTransform(str(written / "moving_from_fixed.tfm"))
    assert transform.Downcast().GetName() == "VersorRigid3DTransform"
    lps = np.array([-1, -1, 1])
    moved = np.array([transform.TransformPoint((p * lps).tolist()) for p in landmarks]) * lps
    assert np.abs(moved - simulated_pair.truth.apply(landmarks)).max() < 1e-3


def test_antspy_moves_landmarks_alike(written, landmarks, simulated_pair):
    ants = pytest.importorskip("ants")
    transform = ants.read_transform(str(written / "moving_from_fixed.tfm"))
    assert "Rigid" in transform.transform_type or "Versor" in transform.transform_type
    lps = np.array([-1, -1, 1])
    moved = np.array([transform.apply_to_point((p * lps).tolist()) for p in landmarks]) * lps
    assert np.abs(moved - simulated_pair.truth.apply(landmarks)).max() < 1e-3


def test_fslpy_moves_landmarks_alike(written, landmarks, simulated_pair, pair_folder):
    image = pytest.importorskip("fsl.data.image")
    from fsl.transform import flirt
    from fsl.transform.affine import transform

    images = [image.Image(str(pair_folder / f"{name}.nii.gz")) for name in ("moving", "fixed")]
    stored = flirt.readFlirt(str(written / "fixed_from_moving_flirt.mat"))
    moved = transform(simulated_pair.truth.apply(landmarks), flirt.fromFlirt(stored, *images, "world", "world"))
    assert np.abs(moved - landmarks).max() < 1e-3


def test_surfa_moves_landmarks_alike(written, landmarks, simulated_pair):
    sf = pytest.importorskip("surfa")
    affine = sf.load_affine(str(written / "fixed_from_moving.lta"))
    moving = simulated_pair.truth.apply(landmarks)
    assert np.abs(affine.transform(moving) - landmarks).max() < 1e-3
    voxels = affine.convert(space="vox").transform(simulated_pair.moving.grid.voxel_points(moving))
    assert np.abs(simulated_pair.fixed.grid.world_points(voxels) - landmarks).max() < 1e-3


def test_header_only_result_keeps_what_is_stored(request_for, truth_known, simulated_pair, tmp_path):
    """Of a file with intercept -1024, free text and an extension: nibabel's reading of both files is compared."""
    data, matrix = simulated_pair.moving.data, simulated_pair.moving.grid.world_from_voxel
    image = nib.Nifti1Image((data.astype(np.int32) + 1024).astype(np.int16), matrix)
    image.header.set_data_dtype(np.int16)
    image.header["descrip"] = b"Doe^Jane"
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"born 1950"))
    nib.save(image, tmp_path / "raw.nii.gz")
    content = bytearray(nib.openers.Opener(str(tmp_path / "raw.nii.gz")).read())
    content[112:120] = np.array([1, -1024], "<f4").tobytes()
    (tmp_path / "raw.nii").write_bytes(content)
    register_files(request_for(moving=tmp_path / "raw.nii"))
    old, new = (nib.load(path) for path in (tmp_path / "raw.nii", tmp_path / "out" / "moving_in_fixed_space.nii.gz"))
    assert np.array_equal(old.dataobj.get_unscaled(), new.dataobj.get_unscaled())
    assert (new.dataobj.slope, new.dataobj.inter) == (1.0, -1024.0)
    assert np.array_equal(np.asarray(new.dataobj), data)
    expected = simulated_pair.truth.inverse().matrix @ old.affine
    corners = np.array([[0, 0, 0, 1], [*np.array(data.shape) - 1, 1], [0, data.shape[1] - 1, 0, 1]]).T
    for form, code in (new.get_sform(coded=True), new.get_qform(coded=True)):
        assert code == 1
        R = form[:3, :3] @ np.linalg.inv(old.affine[:3, :3])
        assert np.abs(R.T @ R - np.eye(3)).max() < 1e-6
    assert np.abs((new.get_sform() - expected) @ corners).max() < 1e-4
    assert new.header["descrip"].tobytes().strip(b"\0") == b""
    assert len(new.header.extensions) == 0
    assert b"Jane" not in nib.openers.Opener(str(tmp_path / "out" / "moving_in_fixed_space.nii.gz")).read()


def test_warped_is_the_moving_image_on_the_fixed_grid(written, simulated_pair):
    warped = read_nifti(written / "warped.nii.gz")
    assert warped.grid.same_as(simulated_pair.fixed.grid)
    assert warped.data.dtype == np.int16
    expected = resample(simulated_pair.moving, simulated_pair.fixed.grid, moving_from_fixed=simulated_pair.truth)
    assert np.abs(warped.data.astype(int) - expected.data).max() <= 1  # the file's geometry is in single precision
    report = json.loads((written / "result.json").read_text())
    assert report["moving_in_fixed_space"]["sform_error_mm"] < 1e-4
    assert report["warped"] == {"interpolation": "linear", "padding_hu": -1024}
    liver = simulated_pair.fixed_liver.data > 0
    assert np.abs(warped.data[liver].astype(float) - simulated_pair.fixed.data[liver]).mean() < 60
    assert (written / "warped.nii.gz").read_bytes()[4:8] == bytes(4)  # gzip's time stamp


def test_picture_is_there(written):
    from PIL import Image

    with Image.open(written / "qa.png") as picture:
        assert picture.mode == "RGB"
        assert min(picture.size) > 500
        assert not picture.info.get("Creation Time")


def test_report_says_what_was_found_and_names_nobody(written, simulated_pair, pair_folder):
    text = (written / "result.json").read_text()
    report = json.loads(text)
    jsonschema.validate(report, SCHEMA)
    ras, lps = (np.array(report["transform"][f"moving_from_fixed_{space}"]) for space in ("ras", "lps"))
    flip = np.diag([-1.0, -1, 1, 1])
    assert np.array_equal(ras, simulated_pair.truth.matrix)
    assert np.allclose(lps, flip @ ras @ flip, atol=1e-12)
    found = report["transform"]
    assert found["rotation_deg"] == pytest.approx(simulated_pair.truth.rotation_deg)
    moved = simulated_pair.truth.apply(found["liver_centroid_mm"]) - found["liver_centroid_mm"]
    assert np.allclose(found["translation_at_centroid_mm"], moved)
    assert found["translation_length_mm"] == pytest.approx(16.0, abs=0.5)
    assert report["outputs"] == {"written": sorted(OUTPUT_NAMES), "left_out": {}}
    for word in (str(pair_folder), "moving.nii", "nii.gz/", "/tmp"):
        assert word not in text


def test_matrix_only(request_for, truth_known, tmp_path, monkeypatch):
    import hepareg.figures

    monkeypatch.setattr(hepareg.figures, "qa_figure", lambda **_: pytest.fail("drew a picture"))
    done = register_files(request_for(matrix_only=True))
    assert {path.name for path in (tmp_path / "out").iterdir()} == TRANSFORM_NAMES | {"transforms.json", "result.json"}
    assert set(done.report["outputs"]["left_out"]) == {"moving_in_fixed_space.nii.gz", "warped.nii.gz", "qa.png"}
    assert done.report["warped"] is None
    jsonschema.validate(done.report, SCHEMA)


def test_rejected_leaves_report_and_picture(request_for, known_result, simulated_pair, tmp_path):
    known_result(simulated_pair.truth, decision="reject", reasons=["pose_not_determined"], expected_mm=float("inf"))
    done = register_files(request_for())
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"qa.png", "result.json"}
    assert done.report["transform"] is None
    assert done.report["verdict"]["expected_liver_tre_mm"] is None
    assert set(done.report["outputs"]["left_out"]) == set(OUTPUT_NAMES) - {"qa.png", "result.json"}
    jsonschema.validate(done.report, SCHEMA)


def test_rejected_matrix_leaves_report_and_picture_as_well(request_for, known_result, simulated_pair, tmp_path):
    known_result(simulated_pair.truth, decision="reject", reasons=["pose_not_determined"])
    done = register_files(request_for(matrix_only=True))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"qa.png", "result.json"}
    assert done.report["outputs"]["written"] == ["qa.png", "result.json"]
    assert set(done.report["outputs"]["left_out"].values()) == {"the result was rejected"}
    jsonschema.validate(done.report, SCHEMA)


def test_dice_after_is_that_of_the_verdict(request_for, truth_known, monkeypatch):
    from hepareg.workflows import register_report

    calls = []
    real = register_report.dice_approximate
    monkeypatch.setattr(register_report, "dice_approximate", lambda **given: calls.append(given) or real(**given))
    done = register_files(request_for(matrix_only=True))
    assert done.report["dice"]["after"] == done.report["verdict"]["evidence"]["dice_after"]
    assert len(calls) == 1
    assert np.array_equal(calls[0]["moving_from_fixed"].matrix, np.eye(4))


@pytest.mark.parametrize("side", ["moving", "fixed"])
def test_without_one_mask(request_for, known_result, simulated_pair, side):
    known_result(simulated_pair.truth, decision="review", reasons=["no_liver_mask"])
    done = register_files(request_for(matrix_only=True, **{f"{side}_mask": None}))
    assert done.report["dice"] is None
    assert done.report["inputs"][side]["has_mask"] is False


def test_other_formats_leave_flirt_out_and_say_so(request_for, truth_known, simulated_pair, tmp_path):
    """DICOM moving, NRRD fixed: the moved image is a NIfTI of whole HU at the new place."""
    write_dicom_series(tmp_path / "dicom", simulated_pair.moving, study="1", series_number=1, description="arterial")
    image = sitk.ReadImage(str(request_for().fixed))
    sitk.WriteImage(image, str(tmp_path / "fixed.nrrd"))
    done = register_files(request_for(moving=tmp_path / "dicom", fixed=tmp_path / "fixed.nrrd"))
    assert "NIfTI" in done.report["outputs"]["left_out"]["fixed_from_moving_flirt.mat"]
    assert not (tmp_path / "out" / "fixed_from_moving_flirt.mat").exists()
    moved = read_nifti(tmp_path / "out" / "moving_in_fixed_space.nii.gz")
    assert moved.data.dtype == np.int16
    where = simulated_pair.truth.inverse().apply(simulated_pair.moving.grid.centre_mm)
    assert np.abs(moved.grid.centre_mm - where).max() < 1e-2  # DICOM stores positions to a few digits
    jsonschema.validate(done.report, SCHEMA)


def test_a_start_of_flirt_is_for_nifti_alone(request_for, truth_known, simulated_pair, tmp_path):
    grids = {"moving": simulated_pair.moving.grid, "fixed": simulated_pair.fixed.grid}
    write_transform(tmp_path / "start.mat", RigidTransform.identity(), **grids)
    sitk.WriteImage(sitk.ReadImage(str(request_for().fixed)), str(tmp_path / "fixed.nrrd"))
    with pytest.raises(SettingsError, match="two NIfTI images"):
        register_files(request_for(fixed=tmp_path / "fixed.nrrd", start=tmp_path / "start.mat", matrix_only=True))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("suffix", [".txt", ".tfm", ".lta", ".mat"])
def test_start_in_every_format(request_for, truth_known, simulated_pair, tmp_path, suffix):
    guess = RigidTransform.from_vectors([0.1, 0, 0.05], [5, -6, 7], centre_mm=[30, 20, -10])
    path = tmp_path / f"start{suffix}"
    write_transform(path, guess, moving=simulated_pair.moving.grid, fixed=simulated_pair.fixed.grid)
    done = register_files(request_for(start=path, matrix_only=True))
    assert np.abs(truth_known[0]["start"].matrix - guess.matrix).max() < 1e-4
    assert done.report["settings"]["command"]["start_given"] is True


def test_start_in_lps(request_for, truth_known, tmp_path):
    guess = RigidTransform.from_vectors([0.1, 0, 0.05], [5, -6, 7], centre_mm=[30, 20, -10])
    write_matrix_text(tmp_path / "lps.txt", guess, space="lps")
    done = register_files(request_for(start=tmp_path / "lps.txt", convention="lps", matrix_only=True))
    assert np.abs(truth_known[0]["start"].matrix - guess.matrix).max() < 1e-12
    assert done.report["settings"]["command"]["convention"] == "lps"


def test_a_direction_beside_pairs_of_points_is_refused(request_for, tmp_path):
    (tmp_path / "pairs.CSV").write_text("x,y,z,moving_x,moving_y,moving_z\n")
    with pytest.raises(SettingsError, match="no direction beside a table of point pairs"):
        register_files(request_for(start=tmp_path / "pairs.CSV", direction="fixed_from_moving"))


def test_cropping_by_preprocess_changes_no_digit(request_for, pair_folder, simulated_pair, tmp_path):
    """Whole files and LiverCrop's, both with masks: equal as long as the crop leaves 50 mm around the liver."""
    names = "case,moving,fixed,moving_mask,fixed_mask"
    files = ",".join(str(pair_folder / f"{name}.nii.gz") for name in ("moving", "fixed", "moving_liver", "fixed_liver"))
    (tmp_path / "pairs.csv").write_text(f"{names}\none,{files}\n")
    liver = simulated_pair.fixed_liver
    height_mm = np.ptp(liver.grid.world_points(np.argwhere(liver.data))[:, 2])
    crop = LiverCrop(extent_mm=height_mm + 50.0, short="clamp", lateral_margin_mm=60.0)
    (row,) = preprocess(tmp_path / "pairs.csv", tmp_path / "cropped", PreprocessSettings(crop=crop))
    assert row.fixed.num_slices < read_nifti(pair_folder / "fixed.nii.gz").shape[2]
    places = {name: tmp_path / "cropped" / "one" / f"{name}.nii.gz" for name in names.split(",")[1:]}
    register_files(request_for(out=tmp_path / "of_whole", matrix_only=True))
    register_files(request_for(out=tmp_path / "of_part", matrix_only=True, **places))
    whole, part = (np.loadtxt(tmp_path / name / "moving_from_fixed.txt") for name in ("of_whole", "of_part"))
    assert np.abs(whole - part).max() < 1e-9


def test_start_that_is_not_rigid_names_rigidify(request_for, truth_known, tmp_path):
    write_matrix_text(tmp_path / "affine.txt", AffineTransform(np.diag([1.02, 1, 1, 1])))
    with pytest.raises(TransformError, match="rigidify"):
        register_files(request_for(start=tmp_path / "affine.txt"))
    assert not (tmp_path / "out").exists()


def test_wrong_options_are_told_before_any_work(request_for, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "read_pair", lambda **_: pytest.fail("read the images"))
    for options, message in (
        ({"threads": 0}, "1 to 256 threads"),
        ({"threads": 100_000}, "1 to 256 threads"),
        ({"seed": -1}, "seed"),
        ({"device": "tpu"}, "cpu, cuda"),
        ({"convention": "lps"}, "expected a start"),
    ):
        with pytest.raises(SettingsError, match=message):
            register_files(request_for(**options))
    assert not (tmp_path / "out").exists()


def test_cuda_where_there_is_none(request_for, tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(module, "read_pair", lambda **_: pytest.fail("read the images"))
    with pytest.raises(DeviceError, match="choose the device cpu"):
        register_files(request_for(device="cuda"))
    assert list(tmp_path.iterdir()) == []


def test_result_that_fails_its_certificate_is_not_written(request_for, known_result, simulated_pair, tmp_path):
    """Scale that `RigidTransform` would refuse, smuggled in."""
    scaled = RigidTransform.identity()
    object.__setattr__(scaled, "matrix", np.diag([1 + 1e-9, 1, 1, 1]))
    known_result(scaled)
    with pytest.raises(RigidityError, match="nothing was written"):
        register_files(request_for())
    assert list(tmp_path.iterdir()) == []


def test_place_that_single_precision_cannot_hold(request_for, truth_known, simulated_pair, tmp_path):
    """Far from the origin the header alone would shift the image: that output is left out, and said."""
    for name in ("moving", "fixed", "moving_liver", "fixed_liver"):
        volume = getattr(simulated_pair, name)
        matrix = volume.grid.world_from_voxel.copy()
        matrix[:3, 3] += 300_000.3
        write_nifti(tmp_path / f"{name}.nii.gz", Volume(volume.data, type(volume.grid)(volume.shape, matrix)))
    names = {"moving": "moving", "fixed": "fixed", "moving_mask": "moving_liver", "fixed_mask": "fixed_liver"}
    done = register_files(request_for(**{key: tmp_path / f"{name}.nii.gz" for key, name in names.items()}))
    assert "single precision" in done.report["outputs"]["left_out"]["moving_in_fixed_space.nii.gz"]
    assert not (tmp_path / "out" / "moving_in_fixed_space.nii.gz").exists()


def test_threads_reach_the_libraries(request_for, truth_known):
    import torch

    before = torch.get_num_threads(), sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    try:
        register_files(request_for(threads=1))
        assert torch.get_num_threads() == 1
        assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == 1
    finally:
        torch.set_num_threads(before[0])
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before[1])


def test_the_method_and_the_weights_hash_are_recorded(request_for, tmp_path):
    """The library call itself, not a stand-in: from the name on the command line to the file."""
    register_files(request_for(method="network", matrix_only=True))
    report = json.loads((tmp_path / "out" / "result.json").read_text())
    jsonschema.validate(report, SCHEMA)
    weights = trained_weights()
    assert report["method"] == {"name": "network", "weights_sha256": sha256(weights.read_bytes()).hexdigest()}
    assert report["refinement"] == {"start": "network", "levels": []}
    assert str(weights) not in json.dumps(report)
    found = read_transform(tmp_path / "out" / "moving_from_fixed.txt")
    np.testing.assert_allclose(found.matrix[:3, :3] @ found.matrix[:3, :3].T, np.eye(3), atol=1e-12)


def test_the_names_of_the_methods_are_those_of_the_library():
    assert {method.value for method in Method} == set(METHODS)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "netwrok"}, SettingsError, "refine, network, network"),
        ({"weights": "small.safetensors"}, SettingsError, "beside weights"),
        ({"method": "network", "weights": "absent.safetensors"}, FileFormatError, "found none"),
        ({"method": "network", "fixed_mask": None}, MaskError, "no fixed mask"),
    ],
)
def test_methods_that_cannot_be_used_are_told_and_nothing_is_written(request_for, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        register_files(request_for(**options))
    assert not (tmp_path / "out").exists()
