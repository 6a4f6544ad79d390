import csv
import json
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from hepareg.cli.main import main
from hepareg.data.case_pair import CasePair
from hepareg.errors import OutputError, PairError, SettingsError
from hepareg.geometry import Grid
from hepareg.networks.trained import trained_weights
from hepareg.registration import Method
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume
from hepareg.workflows import evaluate as module
from hepareg.workflows.evaluate import METHODS, evaluate, summary_table

CENTRE = np.array([0.0, -100.0, 500.0])
TRUTH = RigidTransform.from_vectors([0.0, 0.0, 0.05], [10.0, 0.0, 5.0], centre_mm=CENTRE)


def ellipsoid_pair(case="a"):
    matrix = np.diag([-4.0, -4.0, 4.0, 1.0])
    matrix[:3, 3] = CENTRE - matrix[:3, :3] @ [19.5, 19.5, 19.5]
    grid = Grid((40, 40, 40), matrix)
    points = grid.world_points(np.moveaxis(np.indices(grid.shape), 0, -1))

    def draw(points):
        return np.linalg.norm((points - CENTRE) / [1.3, 1.0, 0.8], axis=-1) < 40

    fixed, moving = draw(points), draw(TRUTH.inverse().apply(points))
    volumes = [Volume(np.where(mask, 90, -80).astype(np.int16), grid) for mask in (moving, fixed)]
    masks = Volume(moving, grid), Volume(fixed, grid)
    return CasePair(*volumes, *masks, case=case, moving_from_fixed=TRUTH)


def by_method(rows):
    return {row.method: row for row in rows}


def test_every_method_gets_one_row_a_pair_and_draw_and_files_say_the_same(tmp_path):
    methods = ["identity", "centroid", "start"]
    pairs = [ellipsoid_pair("a"), ellipsoid_pair("b")]
    rows = evaluate(pairs, out=tmp_path / "out", methods=methods, num_draws=2, bias_mm=3.0)
    assert len(rows) == 2 * 2 * 3
    with open(tmp_path / "out" / "pairs.csv") as file:
        assert [row["method"] for row in csv.DictReader(file)] == [row.method for row in rows]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [line["method"] for line in summary["methods"]] == methods
    assert summary["settings"]["bias_mm"] == 3.0


def test_the_numbers_are_the_known_errors(tmp_path):
    rows = by_method(evaluate([ellipsoid_pair()], out=tmp_path / "out", methods=["identity", "centroid", "start"]))
    # The liver's centroid moves by (10, 0, 5); its rotation by 0.05 rad is not seen by a centroid.
    assert rows["identity"].translation_mm == pytest.approx(np.hypot(10, 5), abs=0.2)
    assert rows["centroid"].translation_mm == pytest.approx(0.0, abs=0.3)
    assert rows["centroid"].rotation_deg == pytest.approx(np.degrees(0.05), abs=1e-6)
    assert rows["start"].translation_mm == pytest.approx(3.0, abs=0.3)
    assert rows["identity"].dice < rows["centroid"].dice <= 1.0


def test_a_pair_that_fails_stays_in_the_table(tmp_path, monkeypatch):
    def refuse(**_):
        raise PairError("no overlap")

    monkeypatch.setattr(module, "register", refuse)
    rows = evaluate([ellipsoid_pair()], out=tmp_path / "out", methods=["identity", "refine"])
    assert by_method(rows)["refine"].error == "no overlap"
    line = {line["method"]: line for line in summary_table(rows)}["refine"]
    assert (line["num_runs"], line["num_failed"], line["tre_median_mm"]) == (1, 1, None)


def test_a_pair_that_cannot_be_read_stays_in_the_table_without_its_path(tmp_path, pair_folder, capsys):
    (tmp_path / "damaged-of-somebody.nii.gz").write_bytes((pair_folder / "fixed.nii.gz").read_bytes()[:1000])
    rows = [("good", pair_folder / "fixed.nii.gz"), ("bad", tmp_path / "damaged-of-somebody.nii.gz")]
    lines = [f"{case},{pair_folder / 'moving.nii.gz'},{fixed}" for case, fixed in reversed(rows)]
    (tmp_path / "pairs.csv").write_text("\n".join(["case,moving,fixed", *lines]))
    command = ["evaluate", str(tmp_path / "pairs.csv"), "--methods", "identity", "start", "-o", str(tmp_path / "out")]
    assert main([*command, "--quiet"]) == 0
    assert [line.split()[1:3] for line in capsys.readouterr().out.splitlines()[1:]] == [["2", "1"]] * 2
    text = (tmp_path / "out" / "pairs.csv").read_text()
    assert "case bad: expected a NIfTI image, got a truncated file: the fixed file" in text
    assert "somebody" not in text
    assert str(tmp_path) not in text


def test_wrong_use_is_told_before_any_pair_is_looked_at(tmp_path):
    def pairs():
        raise AssertionError("a pair was read")
        yield

    with pytest.raises(SettingsError, match="expected some of the methods"):
        evaluate(pairs(), out=tmp_path / "out", methods=["magic"])
    with pytest.raises(SettingsError, match="expected weights for the methods with a network"):
        evaluate(pairs(), out=tmp_path / "out", methods=["network"])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(OutputError):
        evaluate(pairs(), out=tmp_path / "full", methods=["identity"])


def test_an_older_evaluation_is_replaced_where_asked_and_nothing_else_is(tmp_path, capsys):
    out = tmp_path / "out"
    evaluate([ellipsoid_pair()], out=out, methods=["identity", "start"])
    with pytest.raises(OutputError, match="allow to overwrite it"):
        evaluate([ellipsoid_pair()], out=out, methods=["identity"])
    evaluate([ellipsoid_pair()], out=out, methods=["identity"], overwrite=True)
    assert "start" not in (out / "pairs.csv").read_text()
    (out / "thesis.docx").touch()
    assert main(["evaluate", "--simulated", "1", "-o", str(out), "--overwrite"]) == 2
    assert "holds other files" in capsys.readouterr().err
    assert (out / "thesis.docx").exists()


def test_the_methods_of_register_are_called_through_register(tmp_path, monkeypatch):
    """The weights go to the methods with a network alone, and every method begins at the same start."""
    calls = {}

    def record(**given):
        calls[given["method"].value] = given
        return SimpleNamespace(transform=TRUTH)

    monkeypatch.setattr(module, "register", record)
    assert {method.value for method in Method} <= set(METHODS)
    rows = evaluate([ellipsoid_pair()], out=tmp_path / "out", weights=trained_weights(), methods=METHODS)
    assert set(calls) == {method.value for method in Method}
    assert [name for name, given in calls.items() if given["weights"] is not None] == ["network", "network+refine"]
    starts = [given["start"].matrix for given in calls.values()]
    assert all(np.array_equal(start, starts[0]) for start in starts)
    assert {row.method for row in rows if row.tre_mm == 0} == set(calls)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--simulated", "0"], "at least one simulated pair, got 0"),
        (["--simulated", "1", "--draws", "0"], "at least one draw"),
        (["--simulated", "1", "--bias-mm", "-3"], "-3 mm"),
        (["--simulated", "1", "--bias-mm", "nan"], "nan mm"),
        (["--simulated", "1", "--seed", "-1"], "seed of 0 or more"),
        (["--simulated", "1", "--threads", "0"], "threads, got 0"),
        (["--simulated", "1", "--weights", "gone.safetensors"], "found none"),
        (["gone.csv"], "gone.csv"),
    ],
)
def test_wrong_arguments_are_one_line_and_leave_nothing(tmp_path, capsys, arguments, message):
    assert main(["evaluate", *arguments, "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1
    assert message in error[0]
    assert not (tmp_path / "out").exists()


def test_the_geometry_option_reaches_the_images(tmp_path, pair_folder, capsys):
    for name in ("moving", "fixed"):
        image = nib.load(pair_folder / f"{name}.nii.gz")
        apart = image.affine.copy()
        apart[2, 3] += 30
        image.set_sform(image.affine, 1)
        image.set_qform(apart, 1)
        nib.save(image, tmp_path / f"{name}.nii.gz")
    (tmp_path / "pairs.csv").write_text("case,moving,fixed\na,moving.nii.gz,fixed.nii.gz\n")
    command = ["evaluate", str(tmp_path / "pairs.csv"), "--methods", "identity", "--quiet", "-o"]
    for options, failed in (([], "1"), (["--geometry", "qform"], "0")):
        assert main([*command, str(tmp_path / f"out{failed}"), *options]) == 0
        assert capsys.readouterr().out.splitlines()[1].split()[1:3] == ["1", failed]
