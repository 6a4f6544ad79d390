"""The trunks outside the liver end where the vessels inside it begin."""

import numpy as np

from hepareg.simulation.anatomy.labels import Label
from hepareg.simulation.anatomy.phantom_body import draw_body_plan
from hepareg.simulation.anatomy.trunks import portal_trunks
from hepareg.simulation.anatomy.vessel_trees import VesselTree

CENTRE = np.array([12.0, -30.0, 7.0])


def root_at(label, point, radius_mm):
    return VesselTree(label, np.array([point]), np.array([-1]), np.array([radius_mm]), np.zeros(1, dtype=bool))


def test_trunks_lead_to_the_hilum():
    plan = draw_body_plan(np.random.default_rng(2))
    hilum = CENTRE + np.array([35.0, 5, plan.dome - 90])
    grown = (
        root_at(Label.HEPATIC_VEIN, hilum + 40, 6.5),
        root_at(Label.PORTAL_VEIN, hilum, 6.0),
        root_at(Label.HEPATIC_ARTERY, hilum + 8, 2.2),
    )
    vein, artery = portal_trunks(grown, plan, centre_mm=CENTRE, rng=np.random.default_rng(0))
    assert (vein.label, artery.label) == (Label.PORTAL_VEIN, Label.HEPATIC_ARTERY)
    assert np.allclose(vein.points[-1], hilum)
    assert np.allclose(artery.points[-1], hilum + 8)
    assert vein.points[0][2] < hilum[2]  # the mesenteric vein comes from below,
    assert artery.points[0][0] < CENTRE[0]  # the artery from the aorta, left of the middle
    for trunk in (vein, artery):
        assert trunk.parent.tolist() == list(range(-1, len(trunk.points) - 1))
        assert np.linalg.norm(np.diff(trunk.points, axis=0), axis=1).max() < 15  # a curve without gaps
    assert (vein.radius_mm == 6.0).all()
