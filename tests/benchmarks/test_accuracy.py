"""The benchmark sets and their score."""

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.accuracy.baselines import centroid, identity
from benchmarks.accuracy.case import Case
from benchmarks.accuracy.core_pairs import core_pairs
from benchmarks.accuracy.scoring import judge, score_case
from benchmarks.accuracy.stress import capture_table, run, verdict_table
from benchmarks.accuracy.stress_pairs import NUM_PAIRS, stress_pairs
from benchmarks.accuracy.table import case_table, summary_table
from hepareg.errors import PairError
from hepareg.simulation import LiverVesselSettings, PairSettings, PhantomSettings, simulate_pair
from hepareg.transforms import RigidTransform
from hepareg.workflows.simulate import write_pair

PHANTOM = PhantomSettings(shape=(62, 50, 40), spacing_mm=(6.0, 6.0, 6.0))


@pytest.fixture(scope="module")
def pair():
    made = simulate_pair(
        settings=PairSettings(phantom=PHANTOM, vessels=LiverVesselSettings(num_portal=50, num_hepatic=40)), seed=9
    )
    return replace(made, parameters={**made.parameters, "difficulty": "typical", "masks": True})


@pytest.fixture(scope="module")
def case(pair):
    return Case.of(pair)


def verdict(decision):
    return SimpleNamespace(decision=SimpleNamespace(value=decision), reasons=(), expected_liver_tre_mm=0.1)


def test_core_set_has_what_it_says():
    pairs = list(core_pairs(with_real_ct=True))
    assert len(pairs) == len({pair.name for pair in pairs}) == len({pair.seed for pair in pairs}) == 24
    assert Counter(pair.source for pair in pairs) == {"phantom": 12, "real CT": 12}
    assert sum(pair.settings.shared_noise for pair in pairs) == 2
    for pair in pairs:
        if pair.body_stays:
            # The body's alignment is wrong by the liver's way, which is at least this.
            assert pair.settings.motion.translation_mm[0] > 5
            assert pair.settings.motion.body_translation_mm == (0, 0)


def test_stress_set_covers_the_capture_range():
    pairs = list(stress_pairs())
    assert len(pairs) == NUM_PAIRS
    cells = Counter((pair.translation_mm, pair.rotation_deg) for pair in pairs)
    assert len(cells) == 30
    assert min(cells.values()) >= 33
    assert max(t[1] for t, _ in cells) == 60
    assert max(r[1] for _, r in cells) == 45
    assert all(pair.settings for pair in pairs)


def test_the_truth_scores_nothing(case):
    score = score_case(case, lambda **_: SimpleNamespace(transform=case.truth, verdict=verdict("accept")), masks=True)
    assert score.liver_tre_worst_mm == pytest.approx(0, abs=1e-9)
    assert score.vessel_tre_worst_mm == pytest.approx(0, abs=1e-9)
    assert score.rotation_error_deg == pytest.approx(0, abs=1e-6)
    assert score.dice > 0.9
    assert score.judgement == "true_accept"


def test_a_known_error_is_measured(case):
    off = RigidTransform.from_vectors([0, 0, 0], [3.0, 0, 4.0]) @ case.truth
    score = score_case(case, lambda **_: SimpleNamespace(transform=off, verdict=verdict("accept")), masks=True)
    assert [score.liver_tre_mean_mm, score.vessel_tre_mean_mm] == pytest.approx([5, 5])
    assert score.translation_error_mm == pytest.approx(5)
    assert score.judgement == "false_accept"


def test_baselines_and_masks(case):
    still, middle = (score_case(case, method, masks=True) for method in (identity, centroid))
    assert still.liver_tre_mean_mm == pytest.approx(still.start_tre_mean_mm)
    assert middle.liver_tre_mean_mm < still.liver_tre_mean_mm
    seen = []
    score_case(case, lambda **given: seen.append(given) or identity(**given), masks=False)
    assert seen[0]["moving_mask"] is seen[0]["fixed_mask"] is None


def test_an_error_is_a_row(case):
    def refuse(**_):
        raise PairError("expected one patient, got two")

    score = score_case(case, refuse, masks=True)
    assert (score.status, score.judgement, score.liver_tre_mean_mm) == ("failed", "true_alarm", None)
    row = {"pair": "x", "difficulty": "typical", "peak_memory_bytes": 1, **score.as_row()}
    assert "failed" in case_table([row])
    assert summary_table([{"method": "m", "rows": [row]}]).endswith("|")


@pytest.mark.parametrize(
    ("decision", "tre", "expected"),
    [
        ("accept", 0.2, "true_accept"),
        ("accept", 9.0, "false_accept"),
        ("review", 0.2, "false_alarm"),
        ("reject", 9.0, "true_alarm"),
        (None, 9.0, None),
    ],
)
def test_judgement(decision, tre, expected):
    assert judge(decision, tre) == expected


def test_folder_gives_the_same_case(tmp_path, pair, case):
    write_pair(tmp_path / "pair", pair)
    read = Case.read(tmp_path / "pair")
    assert np.array_equal(read.moving.data, case.moving.data)
    assert np.array_equal(read.true_liver.data, case.true_liver.data)
    assert np.allclose(read.truth.matrix, case.truth.matrix, rtol=0, atol=1e-12)
    assert np.abs(read.vessels_mm - case.vessels_mm).max() < 1e-5


def test_stress_run_writes_its_rows(tmp_path):
    rows = run(register="benchmarks.accuracy.baselines:centroid", name="centroid", number=2, results=tmp_path)
    assert len(rows) == 2
    assert (tmp_path / "stress_centroid.json").exists()
    assert "| 0-9 deg |" in capture_table(rows)
    assert "trouble" in verdict_table(rows)
