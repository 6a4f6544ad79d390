"""Where the tissue goes: near nothing on a rigid liver, the bend on a bending one."""

import numpy as np
import pytest

from hepareg.registration import Decision, register
from hepareg.simulation import AcquisitionSettings, MotionSettings, PairSettings, PhantomSettings, simulate_pair


def registered(seed, **motion):
    settings = PairSettings(
        phantom=PhantomSettings(shape=(150, 130, 100), spacing_mm=(2.5, 2.5, 2.5)),
        motion=MotionSettings(translation_mm=(14.0, 16.0), **motion),
        moving=AcquisitionSettings(),
    )
    made = simulate_pair(settings=settings, seed=seed)
    masks = {
        "moving_mask": made.moving_liver.with_data(made.moving_liver.data > 0),
        "fixed_mask": made.fixed_liver.with_data(made.fixed_liver.data > 0),
    }
    result = register(moving=made.moving, fixed=made.fixed, **masks)
    points = masks["fixed_mask"].grid.world_points(np.argwhere(masks["fixed_mask"].data)[::17])
    tissue = np.linalg.norm(result.transform.apply(points) - made.motion.forward(points), axis=1)
    to_fit = np.linalg.norm(result.transform.apply(points) - made.truth.apply(points), axis=1)
    return result.verdict, tissue, to_fit


@pytest.mark.slow
def test_a_bending_liver_is_fitted_as_a_whole_and_told():
    verdict, tissue, to_fit = registered(4, bend_mm=3.0)
    assert to_fit.mean() < 0.7  # the rigid optimum alone is 1.5 to 2 mm off the best fit of the whole liver
    assert verdict.decision is Decision.REVIEW
    assert "liver_bends" in verdict.reasons
    assert 0.6 < verdict.expected_liver_tre_mm / tissue.mean() < 1.6
    assert 0.6 < verdict.expected_liver_p95_mm / np.percentile(tissue, 95) < 1.6
    assert verdict.left_by_rigid.mean_mm == pytest.approx(tissue.mean(), rel=0.5)
    assert "directions_error_mm" not in verdict.evidence  # a mean of two rigid poses is no answer to a bend


@pytest.mark.slow
def test_a_rigid_liver_is_not_said_to_bend():
    verdict, tissue, _ = registered(4, bend_mm=0.0)
    assert verdict.decision is Decision.ACCEPT
    assert abs(verdict.expected_liver_tre_mm - tissue.mean()) < 0.3
    assert verdict.left_by_rigid.p95_mm < 0.5
