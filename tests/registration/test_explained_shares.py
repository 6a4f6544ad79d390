"""Whether the start explains more than the result is decided on the voxels that both poses show."""

from types import SimpleNamespace

import numpy as np
import pytest

from hepareg import RigidTransform
from hepareg.registration.evidence import ExplainedShares, explained_shares

FOUND, START = RigidTransform.identity(), RigidTransform.from_vectors([0, 0, 0], [1, 0, 0])


def shares(*, at_start, in_view):
    """Return the shares of a result that explains 0.95; ``in_view``: unexplained by it and its start in common view."""

    def in_common_view(matrices):
        assert np.array_equal(matrices, np.stack([FOUND.matrix, START.matrix]))
        return np.array(in_view)

    class Residual:
        unexplained_in_view = staticmethod(in_common_view)

        def __call__(self, matrices):
            return SimpleNamespace(objective=np.array([0.05]))

    level = SimpleNamespace(
        sampled_from_template=lambda poses: np.stack([pose.matrix for pose in poses]),
        unexplained=lambda poses: (np.array([0.9, 1 - at_start]), np.ones(2)),
        residual=Residual(),
    )
    return explained_shares(level, result=FOUND, start=START)


def test_a_start_that_only_shows_more_does_not_explain_more():
    found = shares(at_start=0.98, in_view=[0.02, 0.05])
    assert found.start == pytest.approx(0.92)
    assert found == ExplainedShares(pytest.approx(0.1), found.start, pytest.approx(0.95))


def test_a_start_that_explains_more_of_the_same_voxels_does():
    assert shares(at_start=0.98, in_view=[0.08, 0.05]).start == pytest.approx(0.98)


def test_without_any_voxel_in_common_the_shares_stand():
    assert shares(at_start=0.98, in_view=[np.nan, np.nan]).start == pytest.approx(0.98)


def test_a_start_that_explains_less_is_not_compared_again():
    assert shares(at_start=0.4, in_view=[np.nan, np.nan]).start == pytest.approx(0.4)
