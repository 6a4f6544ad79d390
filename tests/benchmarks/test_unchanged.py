"""The comparison of two records of results."""

import numpy as np
import pytest

from benchmarks.accuracy.unchanged import ROLES, compare, record
from hepareg.io.json import read_json, write_json

MATRIX = np.eye(4)
OUTCOME = {"matrix": MATRIX.tolist(), "centre_mm": [10.0, 0.0, 0.0], "start": "identity", "decision": "accept",
           "expected_liver_tre_mm": 0.2, "reasons": [], "evidence": {"precision_mm": 0.1}}  # fmt: skip


def moved(by_mm):
    return {**OUTCOME, "matrix": (MATRIX + np.array([[0, 0, 0, by_mm], *[[0] * 4] * 3])).tolist()}


def test_equal_records_do_not_differ_and_renamed_evidence_does_not_count(capsys):
    renamed = {**OUTCOME, "evidence": {"pose_uncertainty_mm": 0.1}}
    assert compare({"a": OUTCOME}, {"a": renamed}, tolerance_mm=0.0, evidence=True) == 0
    assert "1 pairs before, 1 after; 0 differ, matrices by at most 0 mm" in capsys.readouterr().out


@pytest.mark.parametrize(
    "other",
    [
        moved(1e-3),
        {**OUTCOME, "decision": "review"},
        {**OUTCOME, "reasons": ["coverage"]},
        {**OUTCOME, "start": "user"},
        {**OUTCOME, "expected_liver_tre_mm": 0.21},
        {"error": "expected a liver mask, got none"},
    ],
)
def test_every_difference_counts(other):
    assert compare({"a": OUTCOME}, {"a": other}, tolerance_mm=0.0) == 1
    assert compare({"a": OUTCOME, "b": OUTCOME}, {"b": OUTCOME}, tolerance_mm=0.0) == 1


def test_the_tolerance_holds_for_matrix_and_expected_error_alone():
    near = {**moved(1e-7), "expected_liver_tre_mm": 0.2 + 1e-7}
    assert compare({"a": OUTCOME}, {"a": near}, tolerance_mm=1e-6) == 0
    assert compare({"a": OUTCOME}, {"a": near}, tolerance_mm=1e-8) == 1
    assert compare({"a": OUTCOME}, {"a": {**near, "start": "user"}}, tolerance_mm=1e-6) == 1


def test_evidence_is_shown_on_request(capsys):
    other = {**OUTCOME, "evidence": {"precision_mm": 0.2}}
    assert compare({"a": OUTCOME}, {"a": other}, tolerance_mm=0.0) == 0
    assert "precision_mm" not in capsys.readouterr().out
    compare({"a": OUTCOME}, {"a": other}, tolerance_mm=0.0, evidence=True)
    assert "a: precision_mm 0.1 -> 0.2" in capsys.readouterr().out


def test_an_error_of_the_registration_is_an_outcome(tmp_path):
    grid = np.diag([2.0, 2.0, 2.0, 1.0])
    arrays = {role: np.zeros((20, 20, 20), np.int16 if role in ROLES[:2] else np.uint8) for role in ROLES}
    np.savez(tmp_path / "empty.npz", **arrays, **{f"{role}_grid": grid for role in ROLES})
    rows = record(tmp_path)
    assert set(rows["empty"]) == {"error"}
    write_json(tmp_path / "record.json", rows)
    assert compare(rows, read_json(tmp_path / "record.json"), tolerance_mm=0.0) == 0
