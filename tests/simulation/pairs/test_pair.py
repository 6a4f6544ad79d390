"""Pairs: the truth holds in the voxels, and the same seed gives the same bytes."""

import numpy as np
import pytest

from hepareg.errors import SettingsError
from hepareg.simulation import (
    AcquisitionSettings,
    LiverVesselSettings,
    MotionSettings,
    PairSettings,
    PhantomSettings,
    simulate_pair,
)
from hepareg.simulation.pairs.pair import check_ct_size

VESSELS = LiverVesselSettings(num_portal=60, num_hepatic=40)
SMALL = PhantomSettings(shape=(88, 72, 56), spacing_mm=(4.5, 4.5, 4.5))


def test_moved_mask_lies_where_the_truth_says():
    settings = PairSettings(
        phantom=SMALL,
        vessels=VESSELS,
        motion=MotionSettings(kind="random", translation_mm=(15, 15), rotation_deg=(8, 8)),
        moving=AcquisitionSettings(
            shape=(90, 80, 64), spacing_mm=(4.0, 4.0, 4.0), oblique_deg=7, flips=(True, False, True)
        ),
    )
    pair = simulate_pair(settings=settings, seed=3)
    expected = pair.truth.apply(pair.fixed_liver.centroid_mm)
    # Voxel counting over some 10,000 voxels of 4.5 mm places a centroid to about 0.1 mm.
    assert np.abs(pair.moving_liver.centroid_mm - expected).max() < 0.3
    for landmark in pair.landmarks:
        assert np.abs(pair.truth.apply(landmark.fixed_mm) - landmark.moving_mm).max() < 1e-6


def test_same_seed_same_voxels():
    settings = PairSettings(phantom=SMALL, vessels=VESSELS)
    one, two, other = (simulate_pair(settings=settings, seed=seed) for seed in (5, 5, 6))
    for name in ("moving", "fixed", "moving_liver", "fixed_liver", "labels"):
        assert getattr(one, name).data.tobytes() == getattr(two, name).data.tobytes()
    assert one.moving.data.tobytes() != other.moving.data.tobytes()


def test_a_ct_that_does_not_fit_in_memory():
    check_ct_size((512, 512, 60))
    with pytest.raises(SettingsError, match="memory"):
        check_ct_size((20000, 20000, 3000))


def test_liver_thrown_out_of_the_image():
    settings = PairSettings(
        phantom=SMALL,
        vessels=VESSELS,
        motion=MotionSettings(kind="random", translation_mm=(400, 400)),
    )
    with pytest.raises(SettingsError, match="in view"):
        simulate_pair(settings=settings, seed=0)
