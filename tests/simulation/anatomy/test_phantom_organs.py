"""The liver has the planned volume between diaphragm and wall; other organs are painted around it."""

import numpy as np
import pytest

from hepareg.geometry import Grid
from hepareg.simulation.anatomy.labels import Label
from hepareg.simulation.anatomy.phantom_body import draw_body_plan, wall_fields
from hepareg.simulation.anatomy.phantom_organs import liver_shape, paint_gallbladder, paint_great_vessels, paint_organs
from hepareg.simulation.shapes import DesignGrid

DESIGN = DesignGrid(Grid((64, 52, 46), np.diag([6.0, 6.0, 6.0, 1.0])), spacing_mm=4.0)


@pytest.fixture(scope="module")
def parts():
    rng = np.random.default_rng(5)
    plan = draw_body_plan(rng)
    wall = wall_fields(DESIGN, plan, rng=rng)
    return plan, wall, liver_shape(DESIGN, plan, wall, rng=rng)


def test_liver_has_the_planned_volume_and_stays_in_its_bounds(parts):
    plan, wall, liver = parts
    inside = liver.field < 0
    assert inside.sum() * 4.0**3 / 1e6 == pytest.approx(plan.liver_litres, rel=1e-3)
    assert (wall.cavity[inside] < 0).all()
    assert (wall.below_dome[inside] < 0).all()
    assert (wall.spine[inside] > 0).all()


def test_vessels_meet_the_liver(parts):
    _, _, liver = parts
    x, y, z = DESIGN.axes
    points = np.stack(np.broadcast_arrays(x, y, z), axis=-1)[liver.field < 0]
    for place in (liver.hilum, liver.confluence, liver.gallbladder):
        assert np.linalg.norm(points - place, axis=1).min() < 30
    assert liver.hilum[2] < liver.confluence[2]  # the portal vein enters below the hepatic veins
    assert np.all(np.diff([z for _, _, z in liver.cava]) > 0)


def test_organs_lie_beside_the_liver(parts):
    plan, wall, liver = parts
    labels = np.zeros(DESIGN.grid.shape, np.uint8)
    paint_organs(labels, DESIGN, plan, wall, rng=np.random.default_rng(0))
    DESIGN.paint(labels, liver.field, Label.LIVER)
    paint_great_vessels(labels, DESIGN, plan, liver)
    paint_gallbladder(labels, DESIGN, liver, rng=np.random.default_rng(0))
    middle = {
        label: np.argwhere(labels == label).mean(axis=0)
        for label in (Label.LIVER, Label.SPLEEN, Label.STOMACH, Label.AORTA, Label.VENA_CAVA, Label.GALLBLADDER)
    }
    assert middle[Label.SPLEEN][0] < middle[Label.STOMACH][0] < middle[Label.LIVER][0]
    assert middle[Label.AORTA][0] < middle[Label.VENA_CAVA][0]
    assert middle[Label.GALLBLADDER][2] < middle[Label.LIVER][2]
    assert (labels == Label.KIDNEY_CORTEX).any()
