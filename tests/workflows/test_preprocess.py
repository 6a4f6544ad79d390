"""Batches of pairs, and what remains of them when things go wrong."""

import csv
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hepareg
from hepareg.cli.main import main
from hepareg.errors import InputError, OutputError, SettingsError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import rotation_from_vector
from hepareg.io.manifest import read_manifest
from hepareg.io.nifti import read_nifti, write_nifti
from hepareg.preprocessing import HuWindow, LiverCrop
from hepareg.volume import Volume
from hepareg.workflows.preprocess import PreprocessSettings, preprocess

SHAPE = (30, 26, 40)
SETTINGS = PreprocessSettings(crop=LiverCrop(num_slices=20))


def grid(flips=(1, 1, 1)):
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_from_vector([0.1, -0.05, 0.2]) @ np.diag(np.multiply([2.1, 2.3, 3.7], flips))
    matrix[:3, 3] = [-31.7, 44.3, 812.9]
    return Grid(SHAPE, matrix)


def save_side(folder, name, where, top):
    rng = np.random.default_rng(top)
    data = np.full(SHAPE, -1000.0)
    data[3:27, 3:23] = 50
    write_nifti(folder / f"{name}.nii.gz", Volume((data + rng.normal(0, 30, SHAPE)).astype(np.int16), where))
    mask = np.zeros(SHAPE, np.uint8)
    mask[8:20, 8:20, 4:top] = 1
    mask = mask[:, :, ::-1] if where.is_left_handed else mask
    write_nifti(folder / f"{name}_liver.nii.gz", Volume(mask, where))


@pytest.fixture
def data(tmp_path):
    """Two good cases and one with too few slices under a liver's top, in a folder with a telling name."""
    folder = tmp_path / "Doe^Jane_19700101"
    folder.mkdir()
    rows = ["case,patient,moving,fixed,moving_mask,fixed_mask"]
    for case, top in (("a", 30), ("b", 35), ("short", 15)):
        save_side(folder, f"{case}_art", grid((1, 1, -1)), top)
        save_side(folder, f"{case}_ven", grid(), 33)
        rows.append(
            f"{case},P{case},{case}_art.nii.gz,{case}_ven.nii.gz,{case}_art_liver.nii.gz,{case}_ven_liver.nii.gz"
        )
    (folder / "list.csv").write_text("\n".join(rows) + "\n")
    return folder


def table(out):
    with open(out / "table.csv", newline="") as stream:
        return {row["case"]: row for row in csv.DictReader(stream)}


def everything_written(out):
    import gzip

    for path in sorted(out.rglob("*")):
        if path.is_file():
            yield gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def test_table_and_files(data, tmp_path):
    out = tmp_path / "out"
    rows = preprocess(data / "list.csv", out, SETTINGS)
    assert [(row.case, row.status) for row in rows] == [("a", "done"), ("b", "done"), ("short", "done")]
    logged = table(out)
    assert (logged["a"]["moving_outcome"], logged["a"]["fixed_outcome"]) == ("cropped", "cropped")
    assert (logged["a"]["moving_top_slice"], logged["a"]["fixed_top_slice"]) == ("10", "32")
    assert (logged["a"]["moving_num_slices"], logged["a"]["moving_extent_mm"]) == ("20", "74.0")
    assert (logged["short"]["moving_outcome"], logged["short"]["moving_num_slices_below"]) == ("skipped", "15")
    assert logged["short"]["moving_num_slices"] == "40"
    middle = [14.5, 12.5]
    assert float(logged["a"]["fixed_top_mm"]) == pytest.approx(grid().world_points([*middle, 32])[2], abs=1e-3)
    assert float(logged["a"]["moving_top_mm"]) == pytest.approx(
        grid((1, 1, -1)).world_points([*middle, 10])[2], abs=1e-3
    )
    assert read_nifti(out / "a" / "moving.nii.gz").shape == (30, 26, 20)
    results = read_manifest(out / "manifest.csv")
    assert [pair.patient for pair in results] == ["Pa", "Pb", "Pshort"]


def test_crop_lies_where_the_file_lay(data, tmp_path):
    out = tmp_path / "out"
    preprocess(data / "list.csv", out, SETTINGS)
    for name, source in (("moving", "a_art"), ("fixed", "a_ven"), ("moving_mask", "a_art_liver")):
        whole, part = read_nifti(data / f"{source}.nii.gz"), read_nifti(out / "a" / f"{name}.nii.gz")
        start = whole.grid.voxel_points(part.grid.world_points([0, 0, 0]))
        assert np.abs(start - np.rint(start)).max() < 1e-9
        first = np.rint(start).astype(int)
        assert np.array_equal(whole.data[:, :, first[2] : first[2] + 20], part.data)
        corners = part.grid.voxel_points(part.grid.corners_mm)
        assert np.abs(whole.grid.world_points(corners + first) - part.grid.corners_mm).max() < 1e-9


def test_clamp_window_and_spacing(data, tmp_path):
    settings = PreprocessSettings(
        crop=LiverCrop(num_slices=20, short="clamp", lateral_margin_mm=5.0),
        spacing_mm=(3.0, 3.0, 3.0),
        window=HuWindow(30, 70),
        unit_range=True,
    )
    preprocess(data / "list.csv", tmp_path / "out", settings)
    assert table(tmp_path / "out")["short"]["moving_outcome"] == "clamped"
    image, mask = (read_nifti(tmp_path / "out" / "a" / name) for name in ("fixed.nii.gz", "fixed_mask.nii.gz"))
    assert image.grid.same_as(mask.grid, tolerance_vox=1e-9)
    assert np.allclose(image.grid.spacing_mm, 3.0)
    assert (image.data.dtype, image.data.min(), image.data.max()) == (np.float32, 0.0, 1.0)
    assert 0.3 < image.data[mask.data > 0].mean() < 0.7


def test_done_cases_are_kept_and_changed_ones_done_again(data, tmp_path):
    out = tmp_path / "out"
    preprocess(data / "list.csv", out, SETTINGS)
    first = table(out)
    stamp = (out / "a" / "moving.nii.gz").stat().st_mtime_ns
    save_side(data, "b_art", grid((1, 1, -1)), 34)
    os.utime(data / "b_art.nii.gz", ns=(1, 1))
    rows = preprocess(data / "list.csv", out, SETTINGS)
    assert [row.status for row in rows] == ["kept", "done", "kept"]
    assert (out / "a" / "moving.nii.gz").stat().st_mtime_ns == stamp
    assert {**table(out)["a"], "status": "done"} == first["a"]
    assert [row.status for row in preprocess(data / "list.csv", out, SETTINGS, overwrite=True)] == ["done"] * 3


def test_other_settings_are_noticed(data, tmp_path):
    out = tmp_path / "out"
    preprocess(data / "list.csv", out, SETTINGS)
    other = PreprocessSettings(crop=LiverCrop(num_slices=31))
    with pytest.raises(SettingsError, match="num_slices"):
        preprocess(data / "list.csv", out, other)
    assert preprocess(data / "list.csv", out, other, overwrite=True)[0].moving.outcome == "skipped"
    assert json.loads((out / "settings.json").read_text())["crop"]["num_slices"] == 31


def test_one_bad_case_stops_no_other(data, tmp_path):
    out = tmp_path / "out"
    (data / "a_art.nii.gz").write_bytes((data / "a_art.nii.gz").read_bytes()[:5000])
    write_nifti(data / "short_ven_liver.nii.gz", Volume(np.zeros(SHAPE, np.uint8), grid()))
    rows = preprocess(data / "list.csv", out, SETTINGS)
    assert [row.status for row in rows] == ["failed", "done", "failed"]
    assert "empty" in table(out)["short"]["error"]
    assert not (out / "a").exists()
    assert [pair.case for pair in read_manifest(out / "manifest.csv")] == ["b"]
    save_side(data, "a_art", grid((1, 1, -1)), 30)
    assert [row.status for row in preprocess(data / "list.csv", out, SETTINGS)] == ["done", "kept", "failed"]


def test_image_without_a_mask_is_left_uncropped_and_said(data, tmp_path):
    (data / "two.csv").write_text("case,moving,fixed,fixed_mask\nx,a_art.nii.gz,a_ven.nii.gz,a_ven_liver.nii.gz\n")
    (row,) = preprocess(data / "two.csv", tmp_path / "out", SETTINGS)
    assert (row.moving.outcome, row.fixed.outcome) == ("no_mask", "cropped")
    assert read_nifti(tmp_path / "out" / "x" / "moving.nii.gz").shape == SHAPE
    assert not (tmp_path / "out" / "x" / "moving_mask.nii.gz").exists()


def test_nothing_written_tells_who_it_is(data, tmp_path):
    (data / "b_art.nii.gz").write_bytes(b"broken")
    preprocess(data / "list.csv", tmp_path / "out", SETTINGS)
    for content in everything_written(tmp_path / "out"):
        for name in (b"Doe", b"Jane", b"1970", str(tmp_path).encode(), b"b_art"):
            assert name not in content


def test_folders_of_others_and_bad_manifests_are_left_alone(data, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").write_text("mine")
    with pytest.raises(OutputError, match="with files"):
        preprocess(data / "list.csv", tmp_path / "full", SETTINGS)
    (data / "bad.csv").write_text("case,moving,fixed\nx,gone,gone\n")
    with pytest.raises(InputError, match="row 2"):
        preprocess(data / "bad.csv", tmp_path / "new", SETTINGS)
    assert not (tmp_path / "new").exists()


def test_unit_range_needs_a_window():
    with pytest.raises(SettingsError, match="give a window"):
        PreprocessSettings(unit_range=True)


def test_a_killed_run_goes_on_and_leaves_no_traces(data, tmp_path):
    """Killed while it works: what has its name is whole, and the next run does the rest and sweeps up."""
    rows = (data / "list.csv").read_text().splitlines()
    (data / "long.csv").write_text(
        "\n".join([rows[0], *(rows[1].replace("a,Pa,", f"case{n:02d},Pa,") for n in range(40))])
    )
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "hepareg", "preprocess", str(data / "long.csv"), "-o", str(out), "--slices", "20"],
        env={**os.environ, "PYTHONPATH": str(Path(hepareg.__file__).parents[1])},
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not (out / "case01").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.wait()
    (out / ".case05.ab12cd_4").mkdir(exist_ok=True)  # whether or not the kill left one
    (out / ".case05.ab12cd_4" / "moving.nii.gz").write_text("half")
    whole = {path.name for path in out.iterdir() if path.name.startswith("case")}
    assert 2 <= len(whole) < 40
    assert all((out / name / "case.json").exists() for name in whole)
    again = preprocess(data / "long.csv", out, SETTINGS)
    assert {row.case for row in again if row.status == "kept"} == whole
    assert sum(row.status == "done" for row in again) == 40 - len(whole)
    names = {"settings.json", "table.csv", "manifest.csv"}
    assert {path.name for path in out.iterdir()} == names | {row.case for row in again}


def test_a_folder_of_others_keeps_its_hidden_files(data, tmp_path):
    (tmp_path / "mine" / ".cache.abcdefgh").mkdir(parents=True)
    with pytest.raises(OutputError):
        preprocess(data / "list.csv", tmp_path / "mine", SETTINGS)
    assert (tmp_path / "mine" / ".cache.abcdefgh").is_dir()


def test_only_what_a_run_left_behind_is_swept_up(data, tmp_path):
    out = tmp_path / "out"
    preprocess(data / "list.csv", out, SETTINGS)
    case = next(path.name for path in out.iterdir() if (path / "case.json").exists())
    left, old, foreign = out / f".{case}.ab12cd_4", out / f".{case}.old.ab12cd_4", out / ".venv.disabled"
    for folder in (left, old, foreign):
        folder.mkdir()
    with pytest.raises(SettingsError):
        preprocess(data / "list.csv", out, PreprocessSettings(crop=LiverCrop(num_slices=21)))
    assert left.is_dir()  # a run that is refused removes nothing
    preprocess(data / "list.csv", out, SETTINGS)
    assert foreign.is_dir()
    assert not left.exists()
    assert not old.exists()


def test_a_guessed_label_of_a_mask_is_noted_and_kept_in_the_record(data, tmp_path, capsys):
    liver = read_nifti(data / "a_art_liver.nii.gz")
    labels = 5 * liver.data
    labels[0, 0, 0] = 27
    write_nifti(data / "a_art_liver.nii.gz", replace(liver, data=labels))
    lines = (data / "list.csv").read_text().splitlines()[:2]
    (data / "list.csv").write_text(f"{lines[0]},mask_label\n{lines[1]},liver\n")
    for _ in ("done", "kept"):
        assert main(["preprocess", str(data / "list.csv"), "-o", str(tmp_path / "out"), "--slices", "20"]) == 0
        shown = capsys.readouterr().err
        assert "hepareg: note: case a: the moving mask names no labels: 5 was taken as the liver" in shown
