"""Commands of the contenders, and the answers that are read after a run."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.contenders import Job, contenders, hepareg, peer
from benchmarks.network_alone import untrained_published
from benchmarks.pairs import Pair
from hepareg.networks import DilatedEncoderSettings
from hepareg.networks.weights import load_weights


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
    answer = hepareg().answer(job, 0)
    assert answer == {"status": "found", "matrix": np.eye(4).tolist(), "decision": "accept", "expected_tre_mm": 0.2}


def test_rejection_is_no_failure_of_the_run_and_has_no_matrix(job):
    write_answer(job, "reject")
    assert 3 in hepareg().good_statuses
    answer = hepareg().answer(job, 3)
    assert answer == {"status": "rejected", "reason": "coverage", "decision": "reject", "expected_tre_mm": 0.2}


def test_masks_are_given_in_masked_runs_alone(job):
    with_masks = hepareg().command(job)
    without = hepareg().command(replace(job, masks=False))
    assert {"--moving-mask", "--fixed-mask", "--matrix-only"} <= set(with_masks)
    assert "--matrix-only" not in hepareg(every_output=True).command(job)
    assert not {"--moving-mask", "--fixed-mask"} & set(without)


def test_what_cannot_run_says_so(tmp_path):
    assert "make bench" in peer("antspy", tmp_path / "python").missing()
    assert hepareg().missing() is None


def test_contenders_have_keys_and_names_of_their_own(tmp_path):
    everything = contenders(tmp_path)
    assert len({c.key for c in everything}) == len({c.name for c in everything}) == len(everything)


def test_trained_network_gives_a_transform_and_the_published_one_its_time_alone(job, tmp_path):
    trained, published = (c for c in contenders(tmp_path) if "network" in c.key)
    assert "--weights" in trained.command(job)
    assert "--weights" not in published.command(job)
    job.answer.write_text(json.dumps({"call_s": 2.0}))
    assert published.answer(job, 0) == {"status": "found", "call_s": 2.0}


def test_untrained_published_network_predicts_the_start(tmp_path):
    """Only the time of the untrained network is used, since its transform is the start."""
    path = untrained_published(tmp_path / "w.safetensors")
    net = load_weights(path).net
    assert isinstance(net.settings.encoder, DilatedEncoderSettings)
    assert net.encoder.channels == (290,)
    image = torch.rand(1, 1, 12, 10, 8)
    found = net(image, image.flip(2), torch.eye(4, dtype=torch.float64)[None]).predicted
    assert torch.allclose(found[0], torch.eye(4, dtype=torch.float64), atol=1e-6)
