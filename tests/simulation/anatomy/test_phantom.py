"""Procedural anatomies: different from each other, of human size, with vessels that go where they should."""

import itertools

import numpy as np
import pytest
from scipy import ndimage

from hepareg.errors import SettingsError
from hepareg.evaluation import dice
from hepareg.geometry import Grid
from hepareg.simulation import Label, LiverVesselSettings, PhantomSettings
from hepareg.simulation.anatomy.phantom import phantom_anatomy
from hepareg.simulation.anatomy.phantom_body import draw_body_plan, wall_fields
from hepareg.simulation.anatomy.phantom_organs import liver_shape
from hepareg.simulation.shapes import DesignGrid

VESSELS = LiverVesselSettings(num_portal=60, num_hepatic=40)
SETTINGS = PhantomSettings(shape=(96, 80, 64), spacing_mm=(4.2, 4.2, 4.2), num_clips=2)


@pytest.fixture(scope="module")
def anatomies():
    return [phantom_anatomy(SETTINGS, vessels=VESSELS, rng=np.random.default_rng(seed)) for seed in range(4)]


def centred(mask):
    shift = (np.array(mask.shape) - 1) / 2 - np.array(ndimage.center_of_mass(mask))
    return ndimage.shift(mask.astype(np.float32), shift, order=1) > 0.5


def coarse_liver(seed):
    """Return a liver's mask at 6 mm, without the organs around it."""
    rng = np.random.default_rng(seed)
    design = DesignGrid(Grid((56, 48, 40), np.diag([7.0, 7.0, 7.0, 1.0])))
    plan = draw_body_plan(rng)
    shape = liver_shape(design, plan, wall_fields(design, plan, rng=rng), rng=rng)
    return (shape.field < 0)[::2, ::2, ::2]


def test_livers_of_many_seeds_differ_and_are_of_human_size():
    livers = [coarse_liver(seed) for seed in range(100, 120)]
    litres = np.array([liver.sum() * 6.0**3 / 1e6 for liver in livers])
    assert litres.min() >= 0.8
    assert litres.max() <= 2.5
    assert litres.std() > 0.25
    together = [centred(liver) for liver in livers]
    assert max(dice(a, b) for a, b in itertools.combinations(together, 2)) < 0.9


def test_all_organs_are_there(anatomies):
    for anatomy in anatomies:
        labels = set(np.unique(anatomy.label_map()))
        expected = set(map(int, Label)) - {Label.TUMOUR, Label.CYST, Label.CLIP}
        assert expected <= labels


def test_spine_ribs_and_lungs_lie_where_they_should(anatomies):
    for anatomy in anatomies:
        labels, liver = anatomy.label_map(), np.argwhere(anatomy.liver).mean(0)
        middle = {label: np.argwhere(labels == label).mean(0) for label in Label if (labels == label).any()}
        assert middle[Label.MARROW][1] < liver[1]  # the spine lies behind the liver,
        assert middle[Label.LUNG][2] > liver[2]  # the lungs above,
        assert middle[Label.SPLEEN][0] < liver[0]  # the spleen to its left,
        assert middle[Label.GALLBLADDER][2] < liver[2]  # the gallbladder below
        assert middle[Label.AORTA][0] < middle[Label.VENA_CAVA][0]  # and the cava to the right of the aorta.


def test_liver_has_a_left_and_a_right_lobe(anatomies):
    for anatomy in anatomies:
        x = anatomy.grid.world_points(np.argwhere(anatomy.liver))[:, 0] - anatomy.grid.centre_mm[0]
        assert (x > 20).mean() > 0.5
        assert (x < 0).any()


def test_what_stays_is_wall_and_spine_and_never_liver(anatomies):
    for anatomy in anatomies:
        assert anatomy.static[anatomy.labels == Label.MARROW].mean() > 0.9
        assert anatomy.static[anatomy.labels == Label.MUSCLE].mean() > 0.5
        assert not (anatomy.static & anatomy.liver).any()


def test_kidneys_have_a_cortex_around_a_medulla(anatomies):
    labels = anatomies[0].labels
    medulla = labels == Label.KIDNEY_MEDULLA
    around = ndimage.binary_dilation(medulla) & ~medulla
    assert (labels[around] == Label.KIDNEY_CORTEX).mean() > 0.6


def test_arteries_run_beside_portal_branches(anatomies):
    trees = {tree.label: tree for tree in anatomies[0].trees[:3]}
    artery, portal = trees[Label.HEPATIC_ARTERY], trees[Label.PORTAL_VEIN]
    gap = np.linalg.norm(artery.points - portal.points, axis=1) - artery.radius_mm - portal.radius_mm
    assert gap == pytest.approx(LiverVesselSettings().artery_gap_mm)


def test_trees_lie_inside_the_liver(anatomies):
    anatomy = anatomies[1]
    for tree in anatomy.trees[:2]:
        voxels = np.rint(anatomy.grid.voxel_points(tree.points)).astype(int)
        # Within one 4.2 mm voxel of it, as centrelines are kept inside on a 3 mm copy of the mask.
        inside = ndimage.binary_dilation(anatomy.liver)[tuple(voxels.T)]
        assert inside.mean() > 0.995


def test_liver_is_in_one_piece(anatomies):
    for anatomy in anatomies:
        assert ndimage.label(anatomy.liver, np.ones((3, 3, 3)))[1] <= 2


@pytest.mark.parametrize(
    ("shape", "spacing"), [((20, 20, 20), (1, 1, 1)), ((3000, 3000, 3000), (1, 1, 1)), ((256, 256, 160), (0.1, 1, 1))]
)
def test_sizes_that_cannot_be(shape, spacing):
    with pytest.raises(SettingsError, match="expected"):
        PhantomSettings(shape=shape, spacing_mm=spacing)
