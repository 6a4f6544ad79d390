"""Whether the verdict is true of the tissue: what counts as silent, as foreseen, and the order of expected errors."""

import pytest

from benchmarks.accuracy.tissue_tables import auroc, is_foreseen, is_silent, tissue_tables


def row(true_mm, expected_mm, *, decision="accept", trouble="bend_hinge", p95_mm=None, reason=None, left_mm=0.0):
    return {
        "tissue_mean_mm": true_mm, "tissue_p95_mm": 1.5 * true_mm if p95_mm is None else p95_mm,
        "expected_tre_mm": expected_mm, "expected_p95_mm": expected_mm, "decision": decision, "trouble": trouble,
        "reason": reason, "left_by_rigid_p95_mm": left_mm, "source": "phantom",
    }  # fmt: skip


def test_an_accepted_result_is_silent_if_its_mean_or_its_p95_is_too_large():
    assert is_silent(row(1.6, 0.1))
    assert is_silent(row(0.5, 0.1, p95_mm=3.1))
    assert not is_silent(row(1.6, 0.1, decision="review"))
    assert not is_silent(row(1.4, 0.1, p95_mm=2.9))


def test_an_expected_error_is_right_within_a_factor_or_a_margin():
    assert is_foreseen(row(0.05, 0.3))
    assert is_foreseen(row(4.0, 2.0))
    assert not is_foreseen(row(4.0, 1.9))
    assert not is_foreseen(row(1.0, 2.1))
    assert not is_foreseen(row(1.0, None))


def test_auroc_compares_wrong_with_right_results():
    assert auroc([row(2.0, 3.0), row(0.1, 1.0)]) == 1.0
    assert auroc([row(2.0, 0.5), row(0.1, 1.0), row(3.0, None), row(0.2, 0.5)]) == pytest.approx((0 + 0.5 + 1 + 1) / 4)
    assert auroc([row(2.0, 3.0)]) is None


def test_tables_count_by_kind_and_leave_out_pairs_without_answer():
    rows = [
        row(2.0, 1.9, decision="review", reason="liver_bends", left_mm=4.0),
        row(2.0, 0.1, left_mm=4.0),
        row(0.1, 0.1, trouble="scan_drift"),
        {**row(0.1, 0.1), "tissue_mean_mm": None},
    ]
    (part,) = tissue_tables([{"rows": rows}])["parts"]
    assert part["num_pairs"] == 3
    assert "| accepted although wrong | 1 of 3 | 0 |" in part["goals"]
    assert "| 5 % or more of the liver over 3 mm off: said so | 50 % of 2 |" in part["goals"]
    assert "| bend_hinge | 2 | 2.00 | 1.00 | 3.00 | 1.00 | 1 | 1 | 1 |" in part["kinds"]
