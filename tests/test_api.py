"""The functions of `import hepareg`: what they take, and that files and images in memory are treated alike."""

import json
import re

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import torch

import hepareg
from hepareg.cli.main import main
from hepareg.errors import ImageError, MaskError, PairError, SettingsError, TransformError
from hepareg.io.nifti import read_nifti, write_nifti
from hepareg.io.transforms import write_transform
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.workflows.compare import compare_files

POSE = RigidTransform.from_vectors([0.02, 0.03, -0.04], [6.0, -5.0, 9.0], centre_mm=[0, 0, 60])
FILES = {"moving": "moving", "fixed": "fixed", "moving_mask": "moving_liver", "fixed_mask": "fixed_liver"}


@pytest.fixture
def paths(pair_folder):
    """Arguments of `register` as paths."""
    return {role: pair_folder / f"{name}.nii.gz" for role, name in FILES.items()}


@pytest.fixture
def volumes(paths):
    """The same images in memory."""
    return {role: read_nifti(path) for role, path in paths.items()}


def as_nibabel(volume):
    return nib.Nifti1Image(volume.data, volume.grid.world_from_voxel)


def as_tensor(volume):
    return torch.from_numpy(volume.data.copy()), volume.grid.world_from_voxel


FORMS = {
    "volume": lambda path: read_nifti(path),
    "nibabel": lambda path: nib.load(path),
    "nibabel of an array": lambda path: as_nibabel(read_nifti(path)),
    "SimpleITK": lambda path: sitk.ReadImage(str(path)),
    "array": lambda path: (read_nifti(path).data, read_nifti(path).grid.world_from_voxel),
    "tensor": lambda path: as_tensor(read_nifti(path)),
    "text": str,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_image_gives_the_same_images(paths, volumes, known_result, form):
    calls = known_result(POSE)
    hepareg.register(**{role: FORMS[form](path) for role, path in paths.items()})
    for role, expected in volumes.items():
        given = calls[0][role]
        # A header of single precision holds a position to 1e-5 mm.
        assert np.abs(given.grid.world_from_voxel - expected.grid.world_from_voxel).max() < 1e-4
        assert np.array_equal(given.data, expected.data), role


def test_files_of_other_formats(paths, volumes, known_result, tmp_path):
    calls = known_result(POSE)
    sitk.WriteImage(sitk.ReadImage(str(paths["fixed"])), str(tmp_path / "fixed.nrrd"))
    hepareg.register(**{**paths, "fixed": tmp_path / "fixed.nrrd"})
    assert np.array_equal(calls[0]["fixed"].data, volumes["fixed"].data)


@pytest.mark.parametrize("label", [6, np.int64(6), "liver"])
@pytest.mark.parametrize("in_memory", [False, True])
def test_the_label_of_a_mask(paths, known_result, pair_folder, label, in_memory, tmp_path):
    """A name is found as in a file without names: the only structure may be called liver."""
    calls = known_result(POSE)
    path = pair_folder / "labels.nii.gz"
    labels = read_nifti(path)
    if label == "liver":
        path = tmp_path / "liver.nii.gz"
        write_nifti(path, labels.with_data(np.where(labels.data == 6, 6, 0).astype(np.uint8)))
    given = read_nifti(path) if in_memory else path
    hepareg.register(moving=paths["moving"], fixed=paths["fixed"], fixed_mask=given, fixed_mask_label=label)
    assert np.array_equal(calls[0]["fixed_mask"].data, labels.data == 6)


def test_images_in_memory_are_checked_as_files_are(paths, volumes, known_result):
    calls = known_result(POSE)
    fixed, liver = volumes["fixed"], volumes["fixed_mask"]
    scaled = fixed.with_data((fixed.data / 1000).astype(np.float32))
    outside = liver.with_data((fixed.data < -900).astype(np.uint8))
    labels = liver.with_data(liver.data + (fixed.data < -900).astype(np.uint8) * 2)
    for arguments, error, message in [
        ({"fixed": scaled}, ImageError, "CT in Hounsfield units as the fixed image"),
        ({"moving": fixed, "moving_mask": liver}, PairError, "same image twice"),
        ({"moving": fixed.with_data(fixed.data.copy()), "moving_mask": liver}, PairError, "same image twice"),
        ({"fixed_mask": outside}, MaskError, "expected a liver under the fixed mask"),
        ({"fixed_mask": labels}, MaskError, "fixed mask with one label"),
        ({"fixed_mask": liver.with_data(liver.data * 0)}, MaskError, "empty"),
    ]:
        with pytest.raises(error, match=message):
            hepareg.register(**{**volumes, **arguments})
    assert not calls
    done = hepareg.register(**{**volumes, "moving": fixed, "moving_mask": liver}, allow_identical=True)
    assert done.notes == ("both images are the same",)


STARTS = {
    "transform": lambda folder: POSE,
    "matrix": lambda folder: POSE.matrix,
    "lists": lambda folder: POSE.matrix.tolist(),
    "file": lambda folder: folder / "moving_from_fixed.tfm",
    "text": lambda folder: str(folder / "moving_from_fixed.txt"),
}


@pytest.mark.parametrize("form", STARTS)
def test_every_form_of_a_start(paths, known_result, tmp_path, form):
    calls = known_result(RigidTransform.identity())
    for name in ("moving_from_fixed.tfm", "moving_from_fixed.txt"):
        write_transform(tmp_path / name, POSE)
    done = hepareg.register(**paths, start=STARTS[form](tmp_path))
    assert isinstance(calls[0]["start"], RigidTransform)
    # ITK's versor has a rounding of 1e-5 mm.
    assert np.abs(calls[0]["start"].matrix - POSE.matrix).max() < 1e-4
    known_result(RigidTransform.identity())
    assert done.registered.request.options["start_given"] is True


def test_a_result_is_a_start(paths, known_result):
    calls = known_result(POSE)
    hepareg.register(**paths, start=hepareg.register(**paths))
    assert np.array_equal(calls[1]["start"].matrix, POSE.matrix)


@pytest.mark.parametrize("start", [AffineTransform(np.diag([1.02, 1, 1, 1])), np.diag([1.0, 1.0, -1.0, 1.0])])
def test_a_start_has_to_be_rigid(paths, known_result, start):
    calls = known_result(POSE)
    with pytest.raises(TransformError, match="rigid"):
        hepareg.register(**paths, start=start)
    assert not calls


@pytest.mark.parametrize("method", ["network", hepareg.Method.NETWORK])
def test_methods_by_name_and_as_objects(paths, known_result, method):
    calls = known_result(POSE)
    hepareg.register(**paths, method=method)
    assert calls[0]["method"] is hepareg.Method.NETWORK


def test_settings_reach_the_registration(paths, known_result):
    calls, settings, stages = known_result(POSE), hepareg.RegisterSettings(), []
    hepareg.register(**paths, settings=settings, progress=stages.append)
    assert calls[0]["settings"] is settings
    assert stages == ["reading", "refinement", "certificate"]


class Stranger:
    """An object of no known type, whose content no message may show."""

    def __repr__(self):
        return "born 1950"


WRONG = {
    "moving": [3, None, np.zeros((4, 4, 4)), ["a.nii", "b.nii"], Stranger()],
    "fixed": [3, None],
    "moving_mask": [3, np.zeros((4, 4, 4), bool)],
    "fixed_mask": [True],
    "moving_mask_label": [1.5, True],
    "fixed_mask_label": [["liver"]],
    "start": [3, np.eye(3), [["a"]], Stranger()],
    "method": [3, None, "netwrok"],
    "weights": [3],
    "settings": [{}, hepareg.RegisterSettings],
    "device": [0, None, "tpu"],
    "threads": ["2", True, 1.0, 0],
    "seed": [1.5, None, -1],
    "moving_series": [3],
    "fixed_series": [3],
    "geometry": [3],
    "convention": [3],
    "direction": [3],
    "allow_identical": [1],
    "allow_different_patients": ["yes"],
    "progress": [3],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_wrong_types_and_values_are_settings_errors_in_one_line(paths, known_result, name, value):
    calls = known_result(POSE)
    with pytest.raises(SettingsError, match=f"^expected .*{name.split('_')[-1]}.*got") as found:
        hepareg.register(**{**paths, name: value})
    text = str(found.value)
    assert "\n" not in text
    assert "1950" not in text
    assert not calls


def test_every_argument_has_a_wrong_type_in_the_test_above():
    from inspect import signature

    assert set(signature(hepareg.register).parameters) == set(WRONG)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: hepareg.read_image(3), "path"),
        (lambda: hepareg.read_image("a.nii", series=3), "series"),
        (lambda: hepareg.read_mask(None), "path"),
        (lambda: hepareg.read_mask("a.nii", label=1.5), "label"),
        (lambda: hepareg.read_mask("a.nii", like=3), "like"),
        (lambda: hepareg.read_transform(np.eye(4)), "path"),
        (lambda: hepareg.read_transform("a.txt", convention=3), "convention"),
        (lambda: hepareg.apply(3, [[1, 2, 3]]), "transform"),
        (lambda: hepareg.apply(POSE, 3), "thing"),
        (lambda: hepareg.apply(POSE, [1, 2]), "thing"),
        (lambda: hepareg.apply(POSE, "a.nii", reference=3), "reference"),
        (lambda: hepareg.apply(POSE, "a.nii", settings={}), "settings"),
        (lambda: hepareg.apply(POSE, "a.nii", output=3), "output"),
        (lambda: hepareg.apply(POSE, "a.nii"), "reference"),
        (lambda: hepareg.apply(POSE, "a.stl"), "output"),
        (lambda: hepareg.apply(POSE, [[1, 2, 3]], output="a.csv"), "output"),
        (lambda: hepareg.compare(POSE, POSE, mask=3), "mask"),
        (lambda: hepareg.compare(POSE, np.eye(3), mask="a.nii"), "b"),
    ],
)
def test_wrong_types_of_the_other_functions(call, name):
    with pytest.raises(SettingsError, match=rf"^expected .*\b{name}\b") as found:
        call()
    assert "\n" not in str(found.value)


@pytest.fixture
def two_threads(monkeypatch):
    """A program with two of torch's threads that has not limited their spins."""
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def threads_seen(monkeypatch, known_result):
    """Numbers of torch's threads during the registrations."""
    import hepareg.registration as package

    known_result(POSE)
    answer, seen = package.register, []

    def register(**arguments):
        seen.append(torch.get_num_threads())
        return answer(**arguments)

    monkeypatch.setattr(package, "register", register)
    return seen


def test_one_thread_in_the_call_and_as_many_as_before_after_it(paths, two_threads, threads_seen):
    done = hepareg.register(**paths)
    assert threads_seen == [1]
    assert torch.get_num_threads() == 2
    assert done.registered.request.options["threads"] == 1


def test_the_asked_number_of_threads(paths, two_threads, threads_seen):
    hepareg.register(**paths, threads=3)
    assert threads_seen == [3]
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("name", ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY"])
def test_a_program_that_limits_its_spins_keeps_its_threads(paths, two_threads, threads_seen, monkeypatch, name):
    monkeypatch.setenv(name, "20000")
    hepareg.register(**paths)
    assert threads_seen == [2]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_threads_are_as_before_after_an_exception(paths, two_threads, known_result, error):
    known_result(POSE)

    def stop(stage):
        if stage == "refinement":
            assert torch.get_num_threads() == 1
            raise error

    with pytest.raises(error):
        hepareg.register(**paths, progress=stop)
    assert torch.get_num_threads() == 2


def test_read_functions(paths, volumes, pair_folder, tmp_path):
    fixed = hepareg.read_image(paths["fixed"])
    assert np.array_equal(fixed.data, volumes["fixed"].data)
    for like in (None, fixed, paths["fixed"], as_nibabel(fixed)):
        mask = hepareg.read_mask(str(pair_folder / "labels.nii.gz"), label=np.uint8(6), like=like)
        assert mask.data.dtype == bool
        assert np.array_equal(mask.data, read_nifti(pair_folder / "labels.nii.gz").data == 6)
    write_transform(tmp_path / "pose.tfm", POSE)
    assert isinstance(hepareg.read_transform(tmp_path / "pose.tfm"), RigidTransform)
    write_transform(tmp_path / "flirt.mat", POSE, moving=volumes["moving"], fixed=volumes["fixed"])
    images = {"moving": paths["moving"], "fixed": volumes["fixed"]}
    found = hepareg.read_transform(tmp_path / "flirt.mat", convention="flirt", **images)
    assert np.abs(found.matrix - POSE.matrix).max() < 1e-6  # FLIRT's coordinates go through grids of single precision


def test_apply_to_points_is_the_inverse_of_the_transform():
    moving = np.array([[1.0, 2.0, 3.0], [40.0, -50.0, 60.0]])
    fixed = hepareg.apply(POSE, moving)
    assert np.allclose(POSE.apply(fixed), moving)
    assert np.allclose(hepareg.apply(POSE.matrix, fixed.tolist(), settings=hepareg.ApplySettings(inverse=True)), moving)


def test_apply_to_an_image_is_as_the_command(paths, volumes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_transform("moving_from_fixed.txt", POSE)
    mask, fixed = str(paths["moving_mask"]), str(paths["fixed"])
    assert main(["apply", "moving_from_fixed.txt", mask, "-o", "command.nii.gz", "--reference", fixed]) == 0
    expected = read_nifti("command.nii.gz")
    for transform, image, reference in [
        (POSE, volumes["moving_mask"], volumes["fixed"].grid),
        (POSE.matrix, as_nibabel(volumes["moving_mask"]), paths["fixed"]),
        ("moving_from_fixed.txt", paths["moving_mask"], as_nibabel(volumes["fixed"])),
    ]:
        assert np.array_equal(hepareg.apply(transform, image, reference=reference).data, expected.data)
    written = hepareg.apply(POSE, volumes["moving_mask"], reference=fixed, output="python.nii.gz")
    assert "label map" in written.line
    assert (tmp_path / "python.nii.gz").read_bytes() == (tmp_path / "command.nii.gz").read_bytes()


def test_apply_to_a_file_of_points(tmp_path):
    (tmp_path / "points.csv").write_text("x,y,z\n1,2,3\n")
    hepareg.apply(POSE, tmp_path / "points.csv", output=tmp_path / "moved.csv")
    moved = np.array((tmp_path / "moved.csv").read_text().splitlines()[-1].split(",")[:3], float)
    assert np.allclose(moved, POSE.inverse().apply([1, 2, 3]), atol=1e-3)  # landmarks are written to micrometres


def test_compare_is_as_the_command(paths, volumes, tmp_path, known_result):
    write_transform(tmp_path / "a.tfm", POSE)
    write_transform(tmp_path / "b.tfm", RigidTransform.identity())
    expected = compare_files(tmp_path / "a.tfm", tmp_path / "b.tfm", mask=paths["fixed_mask"]).as_dict()
    known_result(POSE)
    result = hepareg.register(**paths)
    for a, b, mask in [
        (POSE, np.eye(4), volumes["fixed_mask"]),
        (result, tmp_path / "b.tfm", paths["fixed_mask"]),
        (POSE.matrix.tolist(), AffineTransform(np.eye(4)), as_nibabel(volumes["fixed_mask"])),
    ]:
        found = hepareg.compare(a, b, mask=mask).as_dict()
        assert found["not_rigid"] == []
        for name in ("rotation_deg", "translation_mm", "tre_mean_mm"):
            assert found[name] == pytest.approx(expected[name], abs=1e-4), name  # ITK's versor rounds to 1e-5
    assert hepareg.compare(np.diag([1.1, 1, 1, 1]), POSE, mask=paths["fixed_mask"]).not_rigid == ("A",)


@pytest.fixture
def torch_threads_kept():
    """The command sets the number of threads of the whole process: give the tests theirs back."""
    before = torch.get_num_threads(), sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    yield
    torch.set_num_threads(before[0])
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before[1])


def contents(folder):
    """Return the bytes of each file, of the report without its seconds."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    report = json.loads(found.pop("result.json"))
    assert set(report["timings"]) >= {"reading_s", "certificate_s", "writing_s", "total_s"}
    del report["timings"]
    return {**found, "result.json": report}


def options_of(paths):
    masks = ["--moving-mask", paths["moving_mask"], "--fixed-mask", paths["fixed_mask"]]
    return [str(word) for word in ("register", paths["moving"], paths["fixed"], *masks, "--threads", 1, "--quiet")]


def test_save_writes_the_bytes_of_the_command(paths, tmp_path, torch_threads_kept):
    """The whole way, with the real registration; the same number of threads gives the same sums."""
    assert main([*options_of(paths), "-o", str(tmp_path / "command")]) == 0
    result = hepareg.register(**paths, threads=1)
    report = result.save(tmp_path / "python")
    assert contents(tmp_path / "python") == contents(tmp_path / "command")
    assert len(contents(tmp_path / "python")) == 10
    assert report["outputs"]["left_out"] == {}
    assert np.array_equal(np.loadtxt(tmp_path / "python" / "moving_from_fixed.txt"), result.transform.matrix)
    text = (tmp_path / "python" / "result.json").read_text()
    assert not re.search(rf"{re.escape(str(tmp_path))}|nii\.gz/|moving\.nii", text)


@pytest.mark.parametrize("extra", [[], ["--matrix-only"], ["--write", "elastix,greedy"]])
@pytest.mark.parametrize("decision", ["accept", "reject"])
def test_save_with_options_writes_the_bytes_of_the_command(
    paths, known_result, tmp_path, torch_threads_kept, extra, decision
):
    reasons = ["pose_not_determined"] if decision == "reject" else []
    known_result(POSE, decision=decision, reasons=reasons)
    main([*options_of(paths), *extra, "-o", str(tmp_path / "command")])
    options = {"matrix_only": "--matrix-only" in extra, "write": ["elastix", "greedy"] if "--write" in extra else ()}
    hepareg.register(**paths, threads=1).save(tmp_path / "python", **options)
    found = contents(tmp_path / "python")
    assert found == contents(tmp_path / "command")
    assert ("moving_from_fixed.txt" in found) is (decision == "accept")
