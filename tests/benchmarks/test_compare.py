"""Rows of the comparison: found, refused, failed, stopped; with contenders that need no tool."""

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from benchmarks.compare import compare, prove
from benchmarks.contenders import peer
from benchmarks.pairs import Pair, find_pairs
from benchmarks.peers.proof import TRUTH, write_known_pair

FAST = {"threads": 1, "limit_s": 60.0}


@dataclass(frozen=True)
class Pretender:
    """A contender that prints ``code``'s output and answers with ``matrix``."""

    key: str
    code: str
    matrix: np.ndarray
    name: str = "pretender"
    good_statuses: frozenset = frozenset({0})
    is_peer: bool = False

    def missing(self):
        return None

    def command(self, job):
        return [sys.executable, "-c", self.code]

    def answer(self, job, exit_status):
        return {"status": "found", "matrix": self.matrix.tolist()}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs") / "known"
    write_known_pair(folder)
    return find_pairs(folder.parent)


def rows_of(pairs, contender, tmp_path, **options):
    return compare(pairs, [contender], masks=True, out=tmp_path / "r.json", **{**FAST, **options})["rows"]


def test_truth_scores_zero_and_identity_its_displacement(pairs, tmp_path):
    (good,) = rows_of(pairs, Pretender("good", "pass", TRUTH.matrix), tmp_path)
    assert good["status"] == "found"
    assert good["tre_worst_mm"] < 1e-9
    (bad,) = rows_of(pairs, Pretender("bad", "pass", np.eye(4)), tmp_path)
    assert 10 < bad["tre_mean_mm"] < bad["tre_worst_mm"] < 40


def test_a_tool_that_crashes_is_a_row_with_its_last_words_and_no_path(pairs, tmp_path):
    (row,) = rows_of(
        pairs, Pretender("crash", "raise SystemExit('bad image /somewhere/x.nii')", TRUTH.matrix), tmp_path
    )
    assert row["status"] == "failed"
    assert row["tre_mean_mm"] is None
    assert "bad image" in row["reason"]
    assert "/" not in row["reason"]


def test_a_tool_that_hangs_is_a_row(pairs, tmp_path):
    (row,) = rows_of(pairs, Pretender("hang", "import time; time.sleep(99)", TRUTH.matrix), tmp_path, limit_s=0.5)
    assert row["status"] == "timed_out"
    assert row["process_s"] < 10


def test_peers_environment_that_is_not_there_is_a_row(pairs, tmp_path):
    absent = peer("antspy", tmp_path / "nowhere" / "python")
    assert prove(absent, **FAST)["status"] == "not_run"
    (row,) = rows_of(pairs, absent, tmp_path)
    assert row["status"] == "not_run"
    assert "make bench" in row["reason"]


def test_a_peer_that_does_not_find_the_known_transform_is_not_scored(pairs, tmp_path):
    wrong = Pretender("antspy", "pass", np.eye(4), is_peer=True)
    result = compare(pairs, [wrong], masks=True, out=tmp_path / "r.json", **FAST)
    assert [proof["status"] for proof in result["proofs"]] == ["wrong"]
    assert [(row["status"], row["reason"]) for row in result["rows"]] == [("not_run", "convention not proven: wrong")]


def test_a_stopped_run_leaves_a_result_that_names_the_pairs_that_were_not_run(pairs, tmp_path):
    class Stop(Pretender):
        def command(self, job):
            if job.pair.name == "never":
                raise KeyboardInterrupt
            return super().command(job)

    out = tmp_path / "r.json"
    never = Pair(Path(shutil.copytree(pairs[0].folder, tmp_path / "never")))
    with pytest.raises(KeyboardInterrupt):
        compare([*pairs, never], [Stop("good", "pass", TRUTH.matrix)], masks=True, out=out, **FAST)
    result = json.loads(out.read_text())
    assert result["pairs_not_run"] == ["never"]
    assert [row["pair"] for row in result["rows"]] == ["known"]
