"""The benchmark sets and their score."""

import json
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.accuracy import stress
from benchmarks.accuracy.core_pairs import bending_pairs, core_pairs, same_grid_pairs
from benchmarks.accuracy.scoring import judge, score_case
from benchmarks.accuracy.stress import collect, run
from benchmarks.accuracy.stress_faults import FAULTS
from benchmarks.accuracy.stress_kinds import KINDS
from benchmarks.accuracy.stress_pairs import NUM_PAIRS, NUM_POSES, TROUBLES, anatomies, simulate_stress, stress_pairs
from benchmarks.accuracy.tables import named_tables
from benchmarks.pairs import Case, Pair
from benchmarks.results import ACCURACY_RESULTS
from hepareg.errors import PairError
from hepareg.io.json import write_json
from hepareg.simulation import (
    DEFORMATIONS,
    FaultSettings,
    LiverVesselSettings,
    PairSettings,
    PhantomSettings,
    simulate_pair,
)
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
    long = [pair.settings for pair in pairs if pair.difficulty == "long_scan"]
    assert {settings.moving.shape for settings in long} == {(512, 512, 300)}
    assert (512, 512, 300) in {settings.phantom.shape for settings in long}
    assert (512, 512, 300) in {settings.fixed.shape for settings in long}
    # Where the body stays, its alignment is wrong by the liver's way, which is at least this.
    assert min(pair.settings.motion.translation_mm[0] for pair in pairs) > 5


def test_pairs_on_one_grid_share_it():
    pairs = list(same_grid_pairs(with_real_ct=True))
    assert len(pairs) == len({pair.name for pair in pairs}) == len({pair.seed for pair in pairs}) == 12
    assert Counter(pair.source for pair in pairs) == {"phantom": 6, "real CT": 6}
    assert all(pair.settings.moving == pair.settings.fixed and pair.masks for pair in pairs)
    assert {pair.settings.fixed.spacing_mm for pair in pairs} == {None, (0.75, 0.75, 5.0)}
    assert max(pair.settings.motion.rotation_deg[1] for pair in pairs) <= 2


def test_bending_set_has_what_it_says():
    pairs, others = list(bending_pairs(with_real_ct=True)), list(core_pairs(with_real_ct=True))
    assert len(pairs) == len({pair.name for pair in pairs}) == len({pair.seed for pair in [*pairs, *others]}) - 24 == 24
    assert Counter(pair.source for pair in pairs) == {"phantom": 12, "real CT": 12}
    assert {pair.settings.motion.deformation for pair in pairs} == set(DEFORMATIONS)
    assert all(pair.settings.motion.bend_mm > 0 or pair.settings.fault.kind == "drift" for pair in pairs)
    assert {pair.settings.moving.shape for pair in pairs} <= {pair.settings.moving.shape for pair in others}


def test_images_as_they_come_are_at_least_5_mm_wrong():
    """In the kept result: where the body stays, a method that aligns the body scores this much."""
    rows = json.loads((ACCURACY_RESULTS / "core_hepareg.json").read_text())["rows"]
    assert {row["pair"] for row in rows} == {pair.name for pair in core_pairs(with_real_ct=True)}
    assert min(row["start_tre_mean_mm"] for row in rows) >= 5


def test_stress_set_covers_the_capture_range():
    pairs = list(stress_pairs())[:NUM_POSES]
    assert len(pairs) == NUM_POSES
    cells = Counter((pair.translation_mm, pair.rotation_deg) for pair in pairs)
    assert len(cells) == 30
    assert min(cells.values()) >= 33
    assert max(t[1] for t, _ in cells) == 60
    assert max(r[1] for _, r in cells) == 45
    assert all(pair.settings for pair in pairs)


def test_stress_set_has_every_kind_in_two_halves_without_a_common_anatomy():
    pairs = list(stress_pairs())
    assert [pair.number for pair in pairs] == list(range(NUM_PAIRS))
    assert Counter(pair.half for pair in pairs) == {"limits": 750, "judged": 750}
    kinds = [pair for pair in pairs if pair.trouble in KINDS]
    assert len(kinds) >= NUM_PAIRS / 3
    for kind, count in Counter(pair.trouble for pair in kinds).items():
        assert count >= 20
        assert min(Counter(pair.half for pair in kinds if pair.trouble == kind).values()) >= 8
    groups = anatomies(pairs)
    assert sum(map(len, groups)) == NUM_PAIRS
    assert all(len({pair.half for pair in group}) == 1 for group in groups)
    assert {pair.half for pair in pairs if pair.is_real} == {"judged"}
    assert sum(pair.is_real for pair in pairs) == 100
    assert all(pair.settings for pair in kinds)
    assert list(stress_pairs()) == pairs


def test_the_truth_scores_nothing(case):
    score = score_case(
        case, lambda **_: SimpleNamespace(transform=case.answer.truth, verdict=verdict("accept")), masks=(True, True)
    )
    assert score["liver_tre_worst_mm"] == pytest.approx(0, abs=1e-9)
    assert score["rotation_error_deg"] == pytest.approx(0, abs=1e-6)
    assert score["dice"] > 0.85  # the liver bends
    assert score["judgement"] == "true_accept"
    assert score["rigid_fit_error_mm"] == pytest.approx(0, abs=1e-9)
    # A smooth bend of 2 mm root mean square over a coarse liver.
    assert score["tissue_mean_mm"] == score["left_by_rigid_mean_mm"] == pytest.approx(1.8, abs=0.2)
    assert score["tissue_mean_mm"] < score["tissue_p95_mm"] < score["tissue_max_mm"]


def test_a_known_error_is_measured(case):
    off = RigidTransform.from_vectors([0, 0, 0], [3.0, 0, 4.0]) @ case.answer.truth
    score = score_case(case, lambda **_: SimpleNamespace(transform=off, verdict=verdict("accept")), masks=(True, True))
    assert score["liver_tre_mean_mm"] == pytest.approx(5)
    assert score["translation_error_mm"] == score["rigid_fit_error_mm"] == pytest.approx(5)
    assert 4 < score["tissue_mean_mm"] < 7
    assert score["left_by_rigid_mean_mm"] == pytest.approx(1.8, abs=0.2)
    assert score["judgement"] == "false_accept"


def identity(**_):
    """Return the transform that moves nothing, as a method that gives no verdict."""
    return SimpleNamespace(transform=RigidTransform.identity())


def test_masks_are_given_where_wanted_and_a_verdict_is_optional(case):
    seen = []
    for masks in ((True, True), (False, False), (False, True)):
        score = score_case(case, lambda **given: seen.append(given) or identity(), masks=masks)
        assert score["liver_tre_mean_mm"] == pytest.approx(score["start_tre_mean_mm"])
        assert score["decision"] is score["judgement"] is None
    given = [("moving_mask" in call, "fixed_mask" in call) for call in seen]
    assert given == [(True, True), (False, False), (False, True)]


def test_an_error_is_a_row(case):
    def refuse(**_):
        raise PairError("expected one patient, got two")

    score = score_case(case, refuse, masks=(True, True))
    assert (score["status"], score["judgement"], score["liver_tre_mean_mm"]) == ("failed", "true_alarm", None)
    row = {"pair": "x", "difficulty": "typical", "peak_memory_bytes": 1, **score}
    (part,) = named_tables([{"method": "m", "rows": [row]}])["parts"]
    assert part["num_judged"] == 0
    assert "| x | typical | failed |" in part["cases"]


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
    read = Case.read(Pair(tmp_path / "pair"))
    assert np.array_equal(read.moving.data, case.moving.data)
    assert np.array_equal(read.answer.liver.data, case.answer.liver.data)
    assert np.allclose(read.answer.truth.matrix, case.answer.truth.matrix, rtol=0, atol=1e-12)
    assert np.allclose(read.answer.tissue.fixed_mm, case.answer.tissue.fixed_mm, rtol=0, atol=1e-6)
    assert np.allclose(read.answer.tissue.moving_mm, case.answer.tissue.moving_mm, rtol=0, atol=1e-6)
    (tmp_path / "pair" / "tissue.csv").unlink()  # as in pairs of older versions
    assert "tissue_mean_mm" not in Case.read(Pair(tmp_path / "pair")).answer.errors(case.answer.truth)


def test_stress_run_goes_on_and_is_collected(tmp_path):
    work = tmp_path / "work"
    method, pairs = "tests.benchmarks.test_accuracy:identity", list(stress_pairs())
    run(register=method, work=work, pairs=pairs[:2])
    written = work / "0000.json"
    before = written.stat().st_mtime_ns
    run(register=method, work=work, pairs=[pairs[20], pairs[0]])
    assert written.stat().st_mtime_ns == before
    rows = collect(work, name="identity", results=tmp_path)
    assert [row["pair"] for row in rows] == [0, 1, 20]
    assert rows[0]["tissue_mean_mm"] == pytest.approx(rows[0]["liver_tre_mean_mm"], rel=0.05)  # a rigid liver
    assert (tmp_path / "stress_identity.json").exists()


def test_parts_of_the_stress_set_are_chosen(tmp_path, monkeypatch):
    chosen = []
    monkeypatch.setattr(stress, "run", lambda *, register, work, pairs: chosen.append(pairs))

    def numbers(*options):
        monkeypatch.setattr(sys, "argv", ["stress", "run", *options])
        stress.main()
        return [pair.number for pair in chosen[-1]]

    assert numbers() == list(range(NUM_PAIRS))
    assert numbers("--numbers", "1490:") == list(range(1490, 1500))
    assert numbers("--numbers", ":60", "--part", "2/3") == list(range(20, 40))
    assert len(numbers("--kinds", "bend_hinge", "scan_lost")) == 44
    assert len(numbers("--half", "judged", "--kinds", "bend_hinge")) == 12
    with pytest.raises(SystemExit, match="got bend_banana"):
        numbers("--kinds", "bend_banana")


def test_a_pair_of_a_new_kind_has_its_trouble():
    pairs = {pair.trouble: pair for pair in stress_pairs() if 1010 <= pair.number < 1040}
    ((pair, case, answerable),) = simulate_stress([pairs["mask_of_back"]])
    assert answerable
    assert pair.masks == (True, True)
    overlap = (case.fixed_liver.data > 0) & (case.answer.liver.data > 0)
    assert overlap.sum() < 0.2 * (case.fixed_liver.data > 0).sum()
    assert pairs["bend_hinge"].settings.motion.deformation == "hinge"
    assert 4 <= pairs["bend_hinge"].settings.motion.bend_mm == pairs["bend_hinge"].amount <= 18
    assert pairs["scan_step"].settings.fault == FaultSettings("step", pairs["scan_step"].amount)


def test_results_of_two_commits_are_not_mixed(tmp_path):
    for number, commit in enumerate("ab"):
        write_json(tmp_path / f"{number}.json", {"commit": commit, "settings": {}, "rows": []})
    with pytest.raises(ValueError, match="one commit"):
        collect(tmp_path, name="x", results=tmp_path)


def test_every_trouble_is_in_the_set_and_every_fault_is_used():
    drawn = Counter(pair.trouble for pair in stress_pairs())
    assert set(drawn) == {*TROUBLES, *KINDS}
    assert {id(trouble.fault) for trouble in TROUBLES.values() if trouble.fault} == set(map(id, FAULTS.values()))
    assert {pair.masks for pair in stress_pairs()} == {(True, True), (False, False), (True, False), (False, True)}


@cache
def stranger():
    return simulate_pair(settings=PairSettings(phantom=PHANTOM), seed=10)


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_fault_changes_what_it_says(name, pair, case):
    fault = FAULTS[name]
    changed = fault.apply(case, pair, stranger, np.random.default_rng(1))
    images = [np.array_equal(a.data, b.data) for a, b in ((changed.moving, case.moving), (changed.fixed, case.fixed))]
    masks = [
        a.shape == b.shape and np.array_equal(a.data, b.data)
        for a, b in ((changed.moving_liver, case.moving_liver), (changed.fixed_liver, case.fixed_liver))
    ]
    assert (all(images), all(masks)) == {"mask_on_spleen": (True, False), "mask_shifted": (True, False)}.get(
        name, (False, name in ("empty_image", "uniform_liver"))
    )
    assert fault.keeps_answer == (name in ("mask_on_spleen", "mask_shifted", "uniform_liver"))
    assert changed.answer.truth is case.answer.truth


def test_what_has_no_answer_is_never_accepted_rightly(case):
    told = SimpleNamespace(transform=case.answer.truth, verdict=verdict("accept"))
    score = score_case(case, lambda **_: told, masks=(True, False), answerable=False)
    assert (score["judgement"], score["liver_tre_mean_mm"]) == ("false_accept", None)


def test_stress_pairs_are_reproducible():
    pairs = list(stress_pairs())
    first, again = (next(iter(simulate_stress(pairs[3:4])))[1] for _ in range(2))
    assert np.array_equal(first.moving.data, again.moving.data)
    assert np.array_equal(first.moving_liver.data, again.moving_liver.data)
