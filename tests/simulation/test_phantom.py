"""Procedural anatomies: different from each other, of human size, with vessels that go where they should."""

import itertools

import numpy as np
import pytest
from scipy import ndimage

from hepareg.errors import SettingsError
from hepareg.evaluation import dice
from hepareg.simulation import Label, LiverVesselSettings, PhantomSettings
from hepareg.simulation.phantom import phantom_anatomy

VESSELS = LiverVesselSettings(num_portal=60, num_hepatic=40)
SETTINGS = PhantomSettings(shape=(96, 80, 64), spacing_mm=(4.2, 4.2, 4.2), num_clips=2)


@pytest.fixture(scope="module")
def anatomies():
    return [phantom_anatomy(SETTINGS, vessels=VESSELS, rng=np.random.default_rng(seed)) for seed in range(4)]


def centred(mask):
    shift = (np.array(mask.shape) - 1) / 2 - np.array(ndimage.center_of_mass(mask))
    return ndimage.shift(mask.astype(np.float32), shift, order=1) > 0.5


def test_livers_differ_and_are_of_human_size(anatomies):
    for anatomy in anatomies:
        assert 0.8 <= anatomy.liver.sum() * anatomy.grid.voxel_volume_mm3 / 1e6 <= 2.5
    livers = [centred(anatomy.liver) for anatomy in anatomies]
    assert max(dice(a, b) for a, b in itertools.combinations(livers, 2)) < 0.9


def test_all_organs_are_there(anatomies):
    for anatomy in anatomies:
        labels = set(np.unique(anatomy.label_map()))
        expected = set(map(int, Label)) - {Label.TUMOUR, Label.CYST, Label.CLIP}
        assert expected <= labels


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
