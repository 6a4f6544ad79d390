"""Rows and tables of the real pair: both ways at the same points, goals, and a result that fits the schema."""

import json
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from benchmarks.accuracy.real_pair import RESULT, UNKNOWN, judged_hepareg, link_pair, measure
from benchmarks.accuracy.real_pair_tables import GOALS, goal_rows, real_pair_tables
from benchmarks.contenders import Contender, Job
from benchmarks.pairs import Pair
from benchmarks.results import SCHEMA, provenance
from hepareg.io.json import write_json
from hepareg.io.nifti import write_nifti
from hepareg.transforms import RigidTransform

sys.path.insert(0, str(Path(__file__).parent))
from two_breaths import LIFT_MM, breath

TRUTH = RigidTransform.from_vectors(np.zeros(3), LIFT_MM)
OUTLINE = (255, 168, 26)
SCHEMA_CONTENT = json.loads(SCHEMA.read_text())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for name, phase in (("t0", breath(LIFT_MM)), ("t5", breath(0.0 * LIFT_MM))):
        write_nifti(folder / f"{name}.nii.gz", phase.image.with_data(phase.image.data.astype(np.int16)))
        liver = phase.liver.with_data(phase.liver.data.astype(np.uint8))
        write_nifti(folder / f"{name}_liver_approximate.nii.gz", liver)
    return folder


@pytest.fixture(scope="module")
def rows(data):
    """Return the rows of a tool that finds the truth with t5 fixed and is 2 mm off with t0 fixed, and of one that finds
    no transform.
    """
    off = RigidTransform.from_vectors(np.zeros(3), LIFT_MM + np.array([2.0, 0.0, 0.0]))
    found = {"t5_fixed": TRUTH, "t0_fixed": off.inverse()}

    def command(job):
        return [sys.executable, "-c", "pass"]

    def answer(job, exit_status):
        return {"status": "found", "matrix": found[job.pair.name].matrix.tolist(), "version": "1"}

    def nothing(job, exit_status):
        return {"status": "rejected", "reason": "coverage", "decision": "reject"}

    tools = [Contender("antspy", "one", command, answer), Contender("greedy", "other", command, nothing)]
    return measure(data, tools, threads=1, limit_s=60.0)


def test_there_are_references_and_a_row_for_each_tool_and_way(rows):
    assert [(row["tool"], row["fixed"]) for row in rows] == [
        ("before", None), ("dome_of_t5", None), ("dome_of_t0", None),
        ("antspy", "t5"), ("antspy", "t0"), ("greedy", "t5"), ("greedy", "t0"),
    ]  # fmt: skip


def test_both_ways_are_measured_as_the_pose_from_t5_to_t0(rows):
    there, back = (row for row in rows if row["tool"] == "antspy")
    assert np.allclose(there["t0_from_t5"], TRUTH.matrix)
    assert np.allclose(np.subtract(back["t0_from_t5"], TRUTH.matrix)[:3, 3], [2, 0, 0])
    assert there["ways_apart_mm"] == back["ways_apart_mm"] == pytest.approx(2.0)
    assert there["dome_of_t5"]["mean_mm"] < 0.4 < back["dome_of_t5"]["mean_mm"] < 2.4
    assert rows[0]["dome_of_t5"]["mean_mm"] > 3


def test_a_tool_without_a_transform_has_a_row_without_distances(rows):
    for row in rows[-2:]:
        assert (row["status"], row["reason"], row["version"]) == ("rejected", "coverage", None)
        assert row["t0_from_t5"] is row["dome_of_t5"] is row["surfaces"] is row["ways_apart_mm"] is None


def test_rows_fit_the_schema_and_name_no_file(rows, data):
    jsonschema.validate({"kind": "real_pair", **provenance({}), "rows": rows}, SCHEMA_CONTENT)
    assert str(data) not in json.dumps(rows)


@pytest.mark.parametrize("fixed", ["t5", "t0"])
def test_the_named_phase_is_the_fixed_image(data, tmp_path, fixed):
    pair = Pair(link_pair(data, tmp_path / "pair", fixed=fixed))
    moving = "t0" if fixed == "t5" else "t5"
    for role, name in (("fixed", fixed), ("moving", moving)):
        assert pair.image(role).read_bytes() == (data / f"{name}.nii.gz").read_bytes()
        assert pair.image(f"{role}_liver").read_bytes() == (data / f"{name}_liver_approximate.nii.gz").read_bytes()


def test_hepareg_tells_its_verdict_and_leaves_a_small_picture(tmp_path):
    from PIL import Image

    left = {"mean_mm": 2.0, "p95_mm": 4.0, "where": "dome"}
    verdict = {"decision": "review", "reasons": ["liver_bends"], "expected_liver_tre_mm": 3.0, "left_by_rigid": left,
               "expected_liver_p95_mm": 5.0, "rigid_fit_error_mm": 1.0, "evidence": {}}  # fmt: skip
    out = tmp_path / "run" / "out"
    out.mkdir(parents=True)
    write_json(out / "result.json", {"verdict": verdict})
    np.savetxt(out / "moving_from_fixed.txt", np.eye(4))
    rng = np.random.default_rng(0)
    tints = rng.choice([[1.0, 0.9, 0.8], [0.8, 0.9, 1.0], [1.0, 1.0, 1.0]], size=(1361, 1858))
    picture = Image.fromarray((rng.integers(0, 256, (1361, 1858, 1)) * tints).astype(np.uint8))
    picture.paste(OUTLINE, (700, 700, 900, 703))
    picture.save(out / "qa.png")
    job = Job(Pair(tmp_path / "t0_fixed"), tmp_path, True, 1, out.parent)
    answer = judged_hepareg(tmp_path).answer(job, 0)
    assert (answer["decision"], answer["expected_tre_mm"], answer["left_by_rigid"]) == ("review", 3.0, left)
    assert not set(answer) - set(UNKNOWN) - {"status", "matrix"}
    with Image.open(tmp_path / "real_pair_t0_fixed.png") as picture:
        assert picture.size == (1200, 879)
        seen = picture.convert("RGB").getpixel((516, 453))
        assert np.abs(np.subtract(seen, OUTLINE)).max() < 40, "a thin outline keeps its colour among a checkerboard's"


def ours(fixed, dome_mm, surfaces_mm, apart_mm):
    return {**UNKNOWN, "tool": "hepareg", "masks": True, "fixed": fixed, "dome_of_t5": {"mean_mm": dome_mm},
            "surfaces": {"assd_mm": surfaces_mm}, "ways_apart_mm": apart_mm}  # fmt: skip


def test_a_goal_is_met_if_both_ways_meet_it():
    found = [row["met"] for row in goal_rows([ours("t5", 2.8, 3.0, 1.6), ours("t0", 2.7, 3.2, 1.6)])]
    assert found == ["yes", "only with t5 fixed", "**no**"]
    rejected = {**ours("t0", 0, 0, None), "dome_of_t5": None, "surfaces": None}
    found = list(goal_rows([ours("t5", 2.0, 3.2, None), rejected]))
    assert [row["met"] for row in found] == ["only with t5 fixed", "**no**", "**no**"]
    assert found[0]["t0"] is None


def test_the_committed_result_fits_the_schema_and_has_both_ways_of_every_tool():
    result = json.loads(RESULT.read_text())
    jsonschema.validate(result, SCHEMA_CONTENT)
    ways = {(row["tool"], row["masks"], row["fixed"]) for row in result["rows"]}
    runs = [("hepareg", True), ("hepareg", False), *((key, True) for key in ("start", "antspy", "greedy", "elastix"))]
    assert ways >= {(*run, fixed) for run in runs for fixed in ("t5", "t0")}
    assert len(list(goal_rows(result["rows"]))) == len(GOALS)
    assert "| hepareg | both | t5 |" in real_pair_tables(result)["closeness"]
