"""Faults of an acquisition: their truth is where the finished image shows the tissue; bad amounts are refused."""

import numpy as np
import pytest

from hepareg.errors import SettingsError
from hepareg.geometry import Grid
from hepareg.simulation.acquisition.faults import FAULTS, FaultSettings, draw_scan
from hepareg.simulation.motion.motion import Motion
from hepareg.transforms import RigidTransform

GRID = Grid((40, 40, 60), np.array([[-3.0, 0, 0, 60], [0, 3.0, 0, -60], [0, 0, 2.5, 10], [0, 0, 0, 1]]))
STILL = Motion(RigidTransform.identity(), RigidTransform.identity(), None, RigidTransform.identity())
LIVER = GRID.world_points(np.stack(np.meshgrid([10, 20, 30], [10, 30], np.arange(5, 55), indexing="ij"), -1)).reshape(
    -1, 3
)


def scan(kind, amount, seed=1):
    settings = FaultSettings(kind, amount)
    return draw_scan(settings, motion=STILL, grid=GRID, liver_points=LIVER, rng=np.random.default_rng(seed))


def test_without_a_fault_tissue_lies_where_the_motion_sends_it():
    plain = scan("none", 0.0)
    places, once = plain.forward(LIVER)
    assert plain.is_faultless
    assert once.all()
    assert np.array_equal(places, LIVER)
    assert plain.image_grid.equals(GRID)


@pytest.mark.parametrize(("kind", "amount"), [("lost", 10.0), ("doubled", 10.0), ("shuffled", 30.0)])
def test_each_slice_is_where_the_finished_image_shows_it(kind, amount):
    """An image whose voxels are the numbers of their slices is cut and sorted like the scan."""
    made = scan(kind, amount)
    shown = np.arange(GRID.shape[2])[made.shown]
    places, once = made.forward(LIVER)
    slices = np.rint(made.image_grid.voxel_points(places)[:, 2]).astype(int)
    true = np.rint(GRID.voxel_points(LIVER)[:, 2]).astype(int)
    assert np.array_equal(shown[slices[once]], true[once])
    times = np.array([(shown == k).sum() for k in true])
    assert np.array_equal(once, times == 1)
    assert np.abs(places - LIVER)[:, :2].max() < 1e-9
    changed = {"lost": -4, "doubled": 4, "shuffled": 0}[kind]  # slices of 2.5 mm
    assert len(shown) == GRID.shape[2] + changed
    if kind == "shuffled":
        assert (shown != np.arange(len(shown))).sum() <= 12
        assert sorted(shown) == list(range(len(shown)))


def test_after_a_step_the_liver_lies_elsewhere():
    made = scan("step", 10.0)
    places, once = made.forward(LIVER)
    moved = np.linalg.norm(places - LIVER, axis=1)
    k = GRID.voxel_points(LIVER)[:, 2]
    assert np.allclose(moved[once & (k < made.change - 6)], 0, atol=1e-9)  # 10 mm are 4 slices
    assert np.allclose(moved[once & (k > made.change + 6)], 10, atol=1e-9)
    assert 0 < (~once).sum() < 0.2 * len(once)  # shown twice, or never
    first, second = made.parts()
    assert (first[1].shape[2], second[1].shape[2]) == (made.change, GRID.shape[2] - made.change)


@pytest.mark.parametrize("kind", ["drift", "table_drift"])
def test_drift_moves_tissue_by_the_time_of_its_slice(kind):
    made = scan(kind, 8.0)
    places, once = made.forward(LIVER)
    assert once.all()
    shift = places - LIVER
    # The time at which tissue is scanned is that of the slice that shows it in the end.
    time = GRID.voxel_points(places)[:, 2]
    slope, intercept = np.polyfit(time, shift, 1)
    assert np.abs(shift - (np.outer(time, slope) + intercept)).max() < 1e-9
    low, high = np.percentile(GRID.voxel_points(LIVER)[:, 2], [1, 99])
    assert np.linalg.norm(slope) * (high - low) == pytest.approx(8.0)


def test_a_wrong_spacing_stretches_along_the_slices():
    places, _ = scan("spacing", 5.0).forward(LIVER)
    assert np.abs(places - LIVER)[:, :2].max() < 1e-9
    assert np.ptp(places[:, 2]) == pytest.approx(1.05 * np.ptp(LIVER[:, 2]))
    assert places[:, 2].mean() == pytest.approx(LIVER[:, 2].mean(), abs=0.1)


@pytest.mark.parametrize("kind", FAULTS)
def test_a_seed_is_a_fault_and_lies_in_the_liver(kind):
    one, again, other = (scan(kind, 8.0, seed) for seed in (2, 2, 3))
    assert np.array_equal(one.forward(LIVER)[0], again.forward(LIVER)[0])
    assert not one.is_faultless
    if kind != "spacing":  # which draws nothing
        assert not np.array_equal(one.forward(LIVER)[0], other.forward(LIVER)[0])


@pytest.mark.parametrize(
    ("kind", "amount", "text"),
    [("torn", 3.0, "out of none, lost"), ("lost", -1.0, "0 to 50"), ("step", float("nan"), "0 to 50")],
)
def test_bad_settings(kind, amount, text):
    with pytest.raises(SettingsError, match=text):
        FaultSettings(kind, amount)


def test_a_fault_larger_than_the_middle_of_the_liver_is_refused():
    short = LIVER[GRID.voxel_points(LIVER)[:, 2] < 20]
    with pytest.raises(SettingsError, match="choose a smaller amount"):
        draw_scan(
            FaultSettings("lost", 20.0), motion=STILL, grid=GRID, liver_points=short, rng=np.random.default_rng(1)
        )  # fmt: skip
