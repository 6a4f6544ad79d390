"""Files of simulated pairs: complete, reproducible to the byte, readable by others; bad input stops before work."""

import json
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from hepareg.errors import InputError, MaskError, OutputError, SettingsError
from hepareg.geometry import Grid
from hepareg.io.images import read_image
from hepareg.io.landmarks import read_landmarks
from hepareg.io.matrix_text import read_matrix_text
from hepareg.io.nifti import write_nifti
from hepareg.simulation import (
    AcquisitionSettings,
    FaultSettings,
    Label,
    LiverVesselSettings,
    MotionSettings,
    PairSettings,
    PhantomSettings,
)
from hepareg.transforms.fit import fit_rigid
from hepareg.volume import Volume
from hepareg.workflows import simulate
from hepareg.workflows.simulate import SimulateRequest, simulate_files

SMALL = PairSettings(
    motion=MotionSettings(),
    vessels=LiverVesselSettings(num_portal=50, num_hepatic=40),
    phantom=PhantomSettings(shape=(62, 50, 40), spacing_mm=(6.0, 6.0, 6.0)),
    moving=AcquisitionSettings(flips=(True, False, False), padding_hu=-2048),
)
FILES = {
    "moving.nii.gz", "fixed.nii.gz", "moving_liver.nii.gz", "fixed_liver.nii.gz", "labels.nii.gz", "truth.txt",
    "truth.txt.json", "landmarks.csv", "centrelines.csv", "tissue.csv", "pair.json",
}  # fmt: skip


def test_files_agree_with_each_other(tmp_path):
    simulate_files(SimulateRequest(settings=SMALL, seed=4), out=tmp_path / "pair")
    assert {path.name for path in (tmp_path / "pair").iterdir()} == FILES
    truth = read_matrix_text(tmp_path / "pair" / "truth.txt")
    table = read_landmarks(tmp_path / "pair" / "landmarks.csv")
    columns = [table.columns.index(f"moving_{axis}") for axis in "xyz"]
    moving = np.array([[float(row[c]) for c in columns] for row in table.rows])
    assert np.abs(truth.apply(table.points) - moving).max() < 1e-5
    facts = json.loads((tmp_path / "pair" / "pair.json").read_text())
    assert facts["seed"] == 4
    assert facts["settings"]["moving_phase"] == "late_arterial"
    assert np.allclose(facts["motion"]["moving_from_fixed"], truth.matrix)
    image, mask = (read_image(tmp_path / "pair" / f"moving{part}.nii.gz") for part in ("", "_liver"))
    assert image.grid.same_as(mask.grid)
    assert image.data.min() == -2048
    assert image.data.dtype == np.int16


def test_true_places_of_tissue_are_written(tmp_path):
    settings = replace(SMALL, motion=MotionSettings(bend_mm=8.0, deformation="dome"), fault=FaultSettings("step", 12.0))
    simulate_files(SimulateRequest(settings=settings, seed=4), out=tmp_path / "pair")
    truth = read_matrix_text(tmp_path / "pair" / "truth.txt")
    table = read_landmarks(tmp_path / "pair" / "tissue.csv")
    columns = [table.columns.index(f"moving_{axis}") for axis in "xyz"]
    moving = np.array([[float(row[c]) for c in columns] for row in table.rows])
    rest = np.linalg.norm(truth.apply(table.points) - moving, axis=1)
    assert len(rest) > 1000
    assert 1 < rest.mean() < 8
    best = fit_rigid(table.points, moving)
    assert np.abs(truth.matrix - best.matrix).max() < 1e-4  # six digits in the table
    facts = json.loads((tmp_path / "pair" / "pair.json").read_text())
    assert facts["settings"]["fault"] == {"kind": "step", "amount": 12.0}


def test_only_older_pairs_are_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(simulate, "simulate_pair", lambda **_: None)
    monkeypatch.setattr(simulate, "write_pair", lambda place, pair, dicom: place.mkdir(exist_ok=True))
    request, out = SimulateRequest(settings=SMALL), tmp_path / "out"
    (out / "pair_0").mkdir(parents=True)
    (out / "moving.nii.gz").touch()
    with pytest.raises(OutputError, match=r"without pair\.json"):  # a patient's folder may hold just these names
        simulate_files(request, out=out, overwrite=True)
    (out / "pair_0" / "pair.json").touch()
    simulate_files(request, out=out, overwrite=True)
    assert not list(out.iterdir())
    (out / "thesis.docx").touch()
    with pytest.raises(OutputError, match="holds other files"):
        simulate_files(request, out=out, overwrite=True)
    (out / "thesis.docx").rename(out / "fixed.nii.gz")
    (out / "pair.json").touch()
    with pytest.raises(OutputError, match="holds an input"):
        simulate_files(replace(request, ct=str(out / "fixed.nii.gz"), labels=["liver=x"]), out=out, overwrite=True)


def test_several_pairs_and_same_bytes(tmp_path):
    request = SimulateRequest(settings=SMALL, seed=7, num_pairs=2)
    for name in ("one", "two"):
        simulate_files(request, out=tmp_path / name)
    assert {path.name for path in (tmp_path / "one").iterdir()} == {"pair_0", "pair_1"}
    for path in sorted((tmp_path / "one").rglob("*.*")):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()
    assert (tmp_path / "one/pair_0/truth.txt").read_text() != (tmp_path / "one/pair_1/truth.txt").read_text()


def test_bent_liver_comes_with_its_residual(tmp_path):
    settings = replace(SMALL, motion=MotionSettings(bend_mm=2.5))
    simulate_files(SimulateRequest(settings=settings), out=tmp_path / "pair")
    parts = [read_image(tmp_path / "pair" / f"residual_{axis}_mm.nii.gz").data for axis in "xyz"]
    assert 1 < np.sqrt(sum(part.astype(float) ** 2 for part in parts).mean()) < 8
    facts = json.loads((tmp_path / "pair" / "pair.json").read_text())
    assert facts["motion"]["bend_rms_mm"] == pytest.approx(2.5, rel=0.1)


def test_centrelines_run_through_the_vessels_of_the_label_map(tmp_path):
    fine = replace(SMALL, phantom=PhantomSettings(shape=(120, 96, 80), spacing_mm=(3.2, 3.2, 3.2)))
    simulate_files(SimulateRequest(settings=fine, seed=4), out=tmp_path / "pair")
    table = read_landmarks(tmp_path / "pair" / "centrelines.csv")
    column = {name: np.array([row[n] for row in table.rows]) for n, name in enumerate(table.columns)}
    parent, radius = column["parent"].astype(int), column["radius_mm"].astype(float)
    assert (column["node"].astype(int) == np.arange(len(parent))).all()
    assert (parent < np.arange(len(parent))).all()
    assert {"hepatic_vein", "portal_vein", "hepatic_artery"} == set(column["name"])
    assert (parent == -1).sum() == 5  # three systems of the liver, the portal trunk and the artery that feeds it
    labels = read_image(tmp_path / "pair" / "labels.nii.gz")
    wide = radius > 3.2
    voxels = np.rint(labels.grid.voxel_points(table.points[wide])).astype(int)
    inside = ((voxels >= 0) & (voxels < labels.shape)).all(1)
    found = labels.data[tuple(voxels[inside].T)]
    expected = [int(Label[name.upper()]) for name in column["name"][wide][inside]]
    # Where two vessels meet, one of them has the voxel.
    assert (found == expected).mean() > 0.85


def test_labels_lie_on_the_fixed_image_and_hold_the_liver(tmp_path):
    simulate_files(SimulateRequest(settings=SMALL, seed=5), out=tmp_path / "pair")
    fixed, labels, liver = (read_image(tmp_path / "pair" / f"{n}.nii.gz") for n in ("fixed", "labels", "fixed_liver"))
    assert labels.grid.same_as(fixed.grid)
    assert labels.data.dtype == np.uint8
    inside = {Label.LIVER, Label.HEPATIC_VEIN, Label.PORTAL_VEIN, Label.HEPATIC_ARTERY, Label.TUMOUR, Label.CYST}
    assert set(np.unique(labels.data[liver.data > 0])) <= set(map(int, inside))
    assert (liver.data[labels.data == Label.LIVER] > 0).all()


@pytest.fixture(scope="module")
def as_dicom_and_nifti(tmp_path_factory):
    folder = tmp_path_factory.mktemp("formats")
    settings = replace(SMALL, moving=AcquisitionSettings(flips=(True, True, False), oblique_deg=8))
    for name, dicom in (("dicom", True), ("nifti", False)):
        simulate_files(SimulateRequest(settings=settings, seed=2, dicom=dicom), out=folder / name)
    return folder


@pytest.mark.parametrize("role", ["moving", "fixed"])
def test_dicom_series_is_read_back_in_its_place(as_dicom_and_nifti, role):
    folder = as_dicom_and_nifti / "dicom" / role
    stored = read_image(as_dicom_and_nifti / "nifti" / f"{role}.nii.gz")
    # SimpleITK
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    series, image = reader.Execute(), sitk.ReadImage(str(as_dicom_and_nifti / "nifti" / f"{role}.nii.gz"))
    on_grid = sitk.Resample(series, image, sitk.Transform(), sitk.sitkNearestNeighbor, -5000)
    difference = sitk.GetArrayFromImage(on_grid).astype(int) - sitk.GetArrayFromImage(image)
    assert np.abs(difference).max() == 0
    # hepareg
    ours = read_image(folder)
    assert np.allclose(ours.grid.spacing_mm, 6.0, atol=1e-6)
    corners = (np.array(sorted(map(tuple, grid.corners_mm.round(4)))) for grid in (ours.grid, stored.grid))
    np.testing.assert_allclose(*corners, atol=1e-3)
    # pydicom, slice by slice by the standard's own formula (PS3.3, C.7.6.2.1.1)
    for path in sorted(folder.iterdir()):
        slice_ = pydicom.dcmread(path)
        row, column = np.reshape(slice_.ImageOrientationPatient, (2, 3)).astype(float)
        across, along = slice_.PixelSpacing[1], slice_.PixelSpacing[0]
        for r, c in ((0, 0), (slice_.Rows - 1, 3), (7, slice_.Columns - 1)):
            lps = (
                np.array(slice_.ImagePositionPatient, dtype=float) + row * float(across) * c + column * float(along) * r
            )
            voxel = stored.grid.voxel_points(lps * [-1, -1, 1])
            np.testing.assert_allclose(voxel, np.rint(voxel), atol=1e-4)
            hu = slice_.pixel_array[r, c] * slice_.RescaleSlope + slice_.RescaleIntercept
            assert hu == stored.data[tuple(np.rint(voxel).astype(int))]


def test_dicom_of_a_pair_is_valid(as_dicom_and_nifti):
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed: apt-get install dicom3tools")
    files = sorted((as_dicom_and_nifti / "dicom").rglob("*.dcm"))
    for file in files[::7]:
        done = subprocess.run(["dciodvfy", str(file)], capture_output=True, text=True, check=False)
        assert [line for line in (done.stdout + done.stderr).splitlines() if line != "CTImage"] == []
    together = subprocess.run(["dcentvfy", *map(str, files)], capture_output=True, text=True, check=False)
    assert together.stdout + together.stderr == ""


def real_like(tmp_path):
    """A CT with a liver-like ball in it."""
    grid = Grid((60, 50, 40), np.diag([4.0, 4.0, 5.0, 1.0]))
    i, j, k = np.indices(grid.shape)
    liver = ((i - 32) / 14) ** 2 + ((j - 25) / 12) ** 2 + ((k - 20) / 11) ** 2 < 1
    body = ((i - 30) / 28) ** 2 + ((j - 25) / 23) ** 2 < 1
    hu = np.where(liver, 60, np.where(body, -90, -1000)) + np.random.default_rng(0).normal(0, 12, grid.shape)
    write_nifti(tmp_path / "ct.nii.gz", Volume(hu.astype(np.int16), grid))
    write_nifti(tmp_path / "liver.nii.gz", Volume(liver.astype(np.uint8), grid))
    return grid, liver


def test_pair_from_a_real_ct(tmp_path):
    _, liver = real_like(tmp_path)
    request = SimulateRequest(
        settings=PairSettings(), ct=str(tmp_path / "ct.nii.gz"), labels=[str(tmp_path / "liver.nii.gz")]
    )
    simulate_files(request, out=tmp_path / "pair")
    fixed = read_image(tmp_path / "pair" / "fixed.nii.gz")
    labels = read_image(tmp_path / "pair" / "labels.nii.gz").data
    assert 80 < np.median(fixed.data[liver]) < 145  # portal-venous now
    assert fixed.data[labels == 18].mean() > np.median(fixed.data[labels == 6]) + 20  # grown portal veins are bright
    assert json.loads((tmp_path / "pair" / "pair.json").read_text())["source"] == "real CT"


@pytest.mark.parametrize(
    ("labels", "error", "text"),
    [
        (["liver.nii.gz", "spleen=wrong_grid.nii.gz"], MaskError, "on the CT's grid"),
        (["liver.nii.gz", "lever=liver.nii.gz"], InputError, "label name"),
        (["spleen=liver.nii.gz"], MaskError, "liver mask"),
        (["liver=liver.nii.gz:9"], MaskError, "value 9"),
        (["liver.nii.gz", "liver=liver.nii.gz"], InputError, "once"),
        (["liver=ct.nii.gz"], MaskError, "was an image given in its place"),
        (["liver=map.nii.gz"], MaskError, r"got 2 labels \(1 to 7\): choose one with liver=FILE:VALUE"),
    ],
)
def test_labels_that_do_not_fit(tmp_path, monkeypatch, labels, error, text):
    grid, liver = real_like(tmp_path)
    other = Grid(grid.shape, np.diag([4.0, 4.0, 4.0, 1.0]))
    write_nifti(tmp_path / "wrong_grid.nii.gz", Volume(liver.astype(np.uint8), other))
    write_nifti(tmp_path / "map.nii.gz", Volume(np.where(liver, 7, 1).astype(np.uint8), grid))
    monkeypatch.setattr(simulate, "simulate_pair", lambda **_: pytest.fail("work started"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=text):
        simulate_files(SimulateRequest(ct="ct.nii.gz", labels=labels), out=tmp_path / "pair")
    assert not (tmp_path / "pair").exists()


def test_sizes_that_do_not_fit_in_memory(tmp_path):
    huge = replace(SMALL, moving=AcquisitionSettings(shape=(20000, 20000, 2000)))
    with pytest.raises(SettingsError, match="memory"):
        simulate_files(SimulateRequest(settings=huge), out=tmp_path / "pair")


@pytest.mark.parametrize("far_mm", [170.0, 500.0])
def test_liver_out_of_the_image_leaves_nothing(tmp_path, far_mm):
    far = replace(SMALL, motion=MotionSettings(kind="random", translation_mm=(far_mm, far_mm)))
    with pytest.raises(SettingsError, match="in view"):
        simulate_files(SimulateRequest(settings=far), out=tmp_path / "pair")
    assert not list(tmp_path.iterdir())


def test_output_that_is_there(tmp_path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OutputError):
        simulate_files(SimulateRequest(settings=SMALL), out=tmp_path)
    assert (tmp_path / "file").read_text() == "kept"
