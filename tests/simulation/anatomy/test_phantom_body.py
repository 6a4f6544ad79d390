"""The body around the organs: nested layers, a spine behind, ribs in the wall."""

import numpy as np
import pytest

from hepareg.geometry import Grid
from hepareg.simulation.anatomy.labels import Label
from hepareg.simulation.anatomy.phantom_body import draw_body_plan, paint_body, paint_spine, rib_paths, wall_fields
from hepareg.simulation.shapes import DesignGrid

DESIGN = DesignGrid(Grid((64, 52, 42), np.diag([6.0, 6.0, 6.0, 1.0])), spacing_mm=6.0)


@pytest.fixture(scope="module")
def body():
    rng = np.random.default_rng(3)
    plan = draw_body_plan(rng)
    return plan, wall_fields(DESIGN, plan, rng=rng)


def test_plans_stay_human():
    plans = [draw_body_plan(np.random.default_rng(seed)) for seed in range(50)]
    assert all(0.85 <= plan.liver_litres <= 2.4 for plan in plans)
    assert all(plan.width > plan.depth > 0 for plan in plans)
    assert all(min(plan.inner) > 50 for plan in plans)
    assert np.corrcoef([(plan.scale, plan.liver_litres) for plan in plans], rowvar=False)[0, 1] > 0.2


def test_layers_are_nested(body):
    _, wall = body
    assert ((wall.cavity < 0) <= (wall.muscle < 0)).all()
    assert ((wall.muscle < 0) <= (wall.skin < 0)).all()
    assert (wall.cavity < 0).any()
    assert (wall.spine < 0).any()


def test_painted_tissues_lie_where_they_should(body):
    plan, wall = body
    labels = np.zeros(DESIGN.grid.shape, np.uint8)
    paint_body(labels, DESIGN, plan, wall, rng=np.random.default_rng(0))
    paint_spine(labels, DESIGN, plan, wall)
    x, y, z = (DESIGN.grid.world_points(np.argwhere(labels > 0)) - DESIGN.grid.centre_mm).T
    painted = labels[labels > 0]
    soft = painted == Label.FAT
    assert np.abs(x[soft]).max() <= plan.width + 12  # the skin wobbles by some 2.5 mm, and a voxel is 6 mm
    assert np.abs(y[soft]).max() <= plan.depth + 12
    assert y[painted == Label.MARROW].max() < 0  # the spine lies behind the middle,
    assert z[painted == Label.LUNG].mean() > z[painted == Label.FAT].mean()  # the lungs above the abdomen
    assert set(np.unique(painted)) >= {Label.FAT, Label.MUSCLE, Label.LUNG, Label.HEART, Label.BONE, Label.MARROW}


@pytest.mark.parametrize("seed", range(6))
def test_the_spine_stays_under_the_skin(seed):
    rng = np.random.default_rng(seed)
    plan = draw_body_plan(rng)
    wall = wall_fields(DESIGN, plan, rng=rng)
    labels = np.zeros(DESIGN.grid.shape, np.uint8)
    paint_spine(labels, DESIGN, plan, wall)
    painted = labels > 0
    assert (wall.skin[painted] < -4.9).all()  # 5 mm, to the rounding of single precision
    assert painted.any(axis=(0, 1)).all()  # all the way down


def test_ribs_are_pairs_in_the_wall(body):
    plan, _ = body
    ribs = rib_paths(plan, origin_mm=np.zeros(3), half_height_mm=130.0, rng=np.random.default_rng(1))
    assert len(ribs) >= 8
    for left, right in zip(ribs[::2], ribs[1::2], strict=True):
        assert np.allclose(left.points * [-1, 1, 1], right.points)
        assert (np.abs(left.points[:, 0]) <= plan.width).all()
        assert (np.abs(left.points[:, 1]) <= plan.depth).all()
