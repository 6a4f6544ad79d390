"""Summaries over cases."""

import numpy as np
import pytest

from hepareg.errors import InputError
from hepareg.evaluation import summarise


def test_quartiles():
    summary = summarise([1, 2, 3, 4, 5])
    assert (summary.q1, summary.median, summary.q3, summary.iqr, summary.worst) == (2, 3, 4, 2, 5)
    assert (summary.num_cases, summary.num_missing) == (5, 0)


def test_failed_runs_are_counted():
    summary = summarise([1.0, None, np.inf, np.nan, 3.0])
    assert (summary.num_cases, summary.num_missing, summary.median) == (5, 3, 2.0)


def test_all_failed():
    summary = summarise([np.nan, np.nan])
    assert summary.num_missing == 2
    assert np.isnan(summary.median)


def test_no_case_is_an_error():
    with pytest.raises(InputError):
        summarise([])
