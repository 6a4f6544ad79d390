"""Committed results judged again, and the calibration of the limits."""

from dataclasses import fields, replace

import pytest

from benchmarks.accuracy.calibrate import FACTORS, LIMITS, RESULT, calibrate
from benchmarks.accuracy.known_rows import known_rows
from hepareg.io.json import read_json
from hepareg.registration.result import Decision
from hepareg.registration.verdict import judge
from hepareg.registration.verdict_rules import RULES
from hepareg.registration.verdict_settings import VerdictSettings

SETTINGS = {field.name for field in fields(VerdictSettings)}


@pytest.fixture(scope="module")
def stress():
    return known_rows("stress_hepareg")


def false_accepts(rows, **changes):
    settings = replace(VerdictSettings(), **changes)
    wrong = [known for known in rows if not known.is_good]
    return sum(judge(known.evidence, settings=settings).decision is Decision.ACCEPT for known in wrong)


@pytest.mark.parametrize(("name", "count"), [("stress_hepareg", 1000), ("core_hepareg", 24)])
def test_committed_results_get_the_verdicts_that_they_recorded(name, count):
    rows = known_rows(name)
    assert len(rows) == count
    for known in rows:
        verdict = judge(known.evidence, settings=VerdictSettings())
        assert verdict.decision.value == known.row["decision"]
        assert verdict.reasons == known.reasons
        assert verdict.expected_liver_tre_mm == pytest.approx(known.row["expected_tre_mm"], rel=1e-12)  # rounding


def test_the_committed_calibration_is_that_of_the_committed_results():
    assert read_json(RESULT) == calibrate()


def test_looser_than_free_to_lets_a_wrong_result_through(stress):
    limit = read_json(RESULT)["limits"]["min_soft_tissue_share"]
    assert limit["wrong_alone"] > 0
    # The file keeps 4 digits, so that the nearest wrong result lies within 1e-4 of the number.
    assert false_accepts(stress, min_soft_tissue_share=limit["free_to"] + 1e-4) == 0
    assert false_accepts(stress, min_soft_tissue_share=limit["free_to"] - 1e-4) == 1
    assert false_accepts(stress, min_soft_tissue_share=0.0) == limit["wrong_alone"]


def test_any_value_of_a_limit_without_wrong_results_of_its_own_keeps_false_accepts_at_0(stress):
    limits = read_json(RESULT)["limits"]
    free = [name for name, found in limits.items() if found["free_to"] is None]
    assert free
    assert all(false_accepts(stress, **{name: LIMITS[name].off}) == 0 for name in free)


def test_every_setting_is_calibrated_or_cannot_prevent_an_accept():
    accepting = {limit for rule in RULES if rule.decision is not Decision.REJECT for limit in rule.limits}
    assert accepting == set(LIMITS)
    assert SETTINGS - accepting - set(FACTORS) == {
        "aligned_mm", "reject_mm", "reject_basin_depth", "reject_basin_depth_confirmed", "reject_overlap_share"
    }  # fmt: skip
