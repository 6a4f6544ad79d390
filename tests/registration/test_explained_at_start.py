"""Whether the start explains more than the result is told by what both of them show."""

from types import SimpleNamespace

import numpy as np
import pytest

from hepareg import RigidTransform
from hepareg.registration.register import _explained_at_start

FOUND, START = RigidTransform.identity(), RigidTransform.from_vectors([0, 0, 0], [1, 0, 0])


def objective(shares):
    """Return an objective that leaves shares unexplained at the result and at the start, over what both show."""

    def in_view(matrices):
        assert np.array_equal(matrices, np.stack([FOUND.matrix, START.matrix]))
        return np.array(shares)

    return SimpleNamespace(oriented=lambda pose: pose, residual=SimpleNamespace(unexplained_in_view=in_view))


def test_a_start_that_only_shows_more_does_not_explain_more():
    assert _explained_at_start(objective([0.02, 0.05]), (START, 0.98), FOUND, 0.95) == pytest.approx(0.92)


def test_a_start_that_explains_more_of_the_same_does():
    assert _explained_at_start(objective([0.08, 0.05]), (START, 0.98), FOUND, 0.95) == pytest.approx(0.98)


def test_without_anything_in_common_the_shares_stand():
    assert _explained_at_start(objective([np.nan, np.nan]), (START, 0.98), FOUND, 0.95) == 0.98


def test_a_start_that_explains_less_is_not_looked_at_again():
    assert _explained_at_start(objective([np.nan, np.nan]), (START, 0.4), FOUND, 0.95) == 0.4
