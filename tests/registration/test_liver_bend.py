import numpy as np
import pytest

from hepareg.registration import Decision, register
from hepareg.simulation import AcquisitionSettings, MotionSettings, PairSettings, PhantomSettings, simulate_pair


@pytest.mark.slow
def test_a_bending_liver_is_fitted_as_a_whole_and_reported():
    settings = PairSettings(
        phantom=PhantomSettings(shape=(150, 130, 100), spacing_mm=(2.5, 2.5, 2.5)),
        motion=MotionSettings(translation_mm=(14.0, 16.0), bend_mm=3.0),
        moving=AcquisitionSettings(),
    )
    made = simulate_pair(settings=settings, seed=4)
    masks = {
        "moving_mask": made.moving_liver.with_data(made.moving_liver.data > 0),
        "fixed_mask": made.fixed_liver.with_data(made.fixed_liver.data > 0),
    }
    result = register(moving=made.moving, fixed=made.fixed, **masks)
    points = masks["fixed_mask"].grid.world_points(np.argwhere(masks["fixed_mask"].data)[::17])
    error = np.linalg.norm(result.transform.apply(points) - made.truth.apply(points), axis=1).mean()
    assert error < 0.5  # a rigid pose alone is 1.5 to 2 mm off the best fit of the whole liver
    assert 1.5 < result.verdict.evidence["bend_rms_mm"] < 5
    assert result.verdict.decision is Decision.REVIEW
    assert "liver_bends" in result.verdict.reasons
    assert "directions_error_mm" not in result.verdict.evidence  # a mean of two rigid poses is no answer to a bend
