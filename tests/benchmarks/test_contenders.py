"""How hepareg itself is run and read: its command line, its verdict, a rejection."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.contenders import Hepareg, Job, Peer, WarmCall, contenders
from benchmarks.measured import Outcome
from benchmarks.pairs import Pair


def outcome(exit_status):
    return Outcome(exit_status, timed_out=False, process_s=1.0, cpu_s=1.0, peak_bytes=1, log_tail="")


@pytest.fixture
def job(tmp_path):
    (tmp_path / "out").mkdir()
    return Job(Pair(Path("pair")), Path("prepared"), masks=True, folder=tmp_path, threads=2)


def write_answer(job, decision):
    verdict = {"decision": decision, "expected_liver_tre_mm": 0.2, "reasons": ["coverage"]}
    (job.folder / "out" / "result.json").write_text(json.dumps({"verdict": verdict}))
    if decision != "reject":
        np.savetxt(job.folder / "out" / "moving_from_fixed.txt", np.eye(4))


def test_accepted_result_has_matrix_and_verdict(job):
    write_answer(job, "accept")
    answer = Hepareg().answer(job, outcome(0))
    assert answer == {"status": "found", "matrix": np.eye(4).tolist(), "decision": "accept", "expected_tre_mm": 0.2}


def test_rejection_is_no_failure_of_the_run_and_has_no_matrix(job):
    write_answer(job, "reject")
    assert 3 in Hepareg().good_statuses
    answer = Hepareg().answer(job, outcome(3))
    assert answer == {"status": "rejected", "reason": "coverage", "decision": "reject", "expected_tre_mm": 0.2}


def test_masks_are_given_in_masked_runs_alone(job):
    with_masks = Hepareg().command(job)
    without = Hepareg().command(Job(job.pair, job.prepared, False, job.folder, 2))
    assert {"--moving-mask", "--fixed-mask", "--matrix-only"} <= set(with_masks)
    assert not {"--moving-mask", "--fixed-mask"} & set(without)


def test_what_cannot_run_says_so(tmp_path):
    assert "weights" in Hepareg(method="network").missing()
    assert "make bench" in Peer("antspy", tmp_path / "python").missing()
    assert Hepareg().missing() is None
    assert WarmCall().missing() is None


def test_contenders_have_keys_and_names_of_their_own(tmp_path):
    everything = contenders(tmp_path)
    assert len({c.key for c in everything}) == len({c.name for c in everything}) == len(everything)
