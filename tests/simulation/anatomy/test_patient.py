"""A real CT with any subset of masks: what has one is re-valued, vessels without one are grown."""

import numpy as np
import pytest
from scipy import ndimage

from hepareg import Grid, Volume
from hepareg.errors import MaskError
from hepareg.simulation import (
    AcquisitionSettings,
    Label,
    LiverVesselSettings,
    MotionSettings,
    PairSettings,
    prepare_patient,
    simulate_pair,
)


@pytest.fixture
def ct():
    voxels = np.random.default_rng(0).normal(60, 12, (40, 36, 30)).astype(np.int16)
    return Volume(voxels, Grid(voxels.shape, np.diag([-2.0, -2.0, 3.0, 1.0])))


def liver_of(ct):
    data = np.zeros(ct.shape, dtype=np.uint8)
    data[10:30, 8:25, 5:20] = 1
    return Volume(data, ct.grid)


def test_a_mask_with_flipped_axes_is_put_in_order(ct):
    liver = liver_of(ct)
    turned = np.diag([-1.0, -1.0, 1.0, 1.0])
    turned[:2, 3] = ct.shape[0] - 1, ct.shape[1] - 1
    flipped = Volume(liver.data[::-1, ::-1], Grid(ct.shape, ct.grid.world_from_voxel @ turned))
    np.testing.assert_array_equal(
        prepare_patient(ct=ct, masks={"liver": flipped}).liver, prepare_patient(ct=ct, masks={"liver": liver}).liver
    )


def test_a_mask_on_another_grid_is_an_error(ct):
    shifted = ct.grid.world_from_voxel.copy()
    shifted[0, 3] += 1.0
    with pytest.raises(MaskError, match="on the CT's grid"):
        prepare_patient(ct=ct, masks={"liver": Volume(liver_of(ct).data, Grid(ct.shape, shifted))})


VESSEL_NAMES = ("hepatic_vein", "portal_vein", "hepatic_artery")


@pytest.fixture(scope="module")
def scanned():
    """A late arterial CT with a liver, a spleen and three vessels, and a mask of each."""
    grid = Grid((70, 62, 44), np.diag([3.0, 3.0, 3.0, 1.0]))
    i, j, k = np.indices(grid.shape)
    parts = {
        "liver": ((i - 40) / 22) ** 2 + ((j - 31) / 20) ** 2 + ((k - 22) / 17) ** 2 < 1,
        "spleen": (i - 9) ** 2 + (j - 20) ** 2 + (k - 22) ** 2 < 49,
        "hepatic_vein": (np.abs(i - 40) < 14) & (np.hypot(j - 24, k - 28) < 2.2),
        "portal_vein": (np.abs(i - 40) < 14) & (np.hypot(j - 31, k - 20) < 2.4),
        "hepatic_artery": (np.abs(i - 40) < 14) & (np.hypot(j - 37, k - 20) < 1.6),
    }
    body = ((i - 35) / 34) ** 2 + ((j - 31) / 30) ** 2 < 1
    hu = np.where(body, -95.0, -1000.0)
    late_arterial = {"liver": 78, "spleen": 140, "hepatic_vein": 60, "portal_vein": 130, "hepatic_artery": 270}
    for name, value in late_arterial.items():
        hu[parts[name]] = value
    hu += np.random.default_rng(1).normal(0, 6, grid.shape)
    masks = {name: Volume(part.astype(np.uint8), grid) for name, part in parts.items()}
    return Volume(np.rint(hu).astype(np.int16), grid), masks, parts


@pytest.mark.parametrize("given", [(), ("portal_vein",), ("hepatic_vein", "spleen"), (*VESSEL_NAMES, "spleen")])
def test_any_subset_of_masks(scanned, given):
    ct, masks, parts = scanned
    patient = prepare_patient(ct=ct, masks={name: masks[name] for name in ("liver", *given)})
    settings = PairSettings(
        vessels=LiverVesselSettings(num_portal=12, num_hepatic=10), motion=MotionSettings(kind="still"),
        moving=AcquisitionSettings(noise_hu=0.0), fixed=AcquisitionSettings(noise_hu=0.0),
    )  # fmt: skip
    pair = simulate_pair(settings=settings, seed=1, patient=patient)
    # Vessel systems without a mask are grown, those with one are not.
    grown = {tree.label.name.lower() for tree in pair.anatomy.trees}
    assert grown == set(VESSEL_NAMES) - set(given)
    # What has a mask has the HU that were drawn for the portal phase; the source's phase is left as it is. Thin vessels
    # lose some contrast with their noise.
    drawn = pair.parameters["fixed_hu"]
    for name in ("liver", *given):
        inner = ndimage.binary_erosion(parts[name], iterations=2 if name in ("liver", "spleen") else 1)
        chosen = inner & (pair.labels.data == Label[name.upper()])
        assert np.median(pair.fixed.data[chosen]) == pytest.approx(drawn[name], abs=10), name
        assert np.median(pair.moving.data[chosen]) == pytest.approx(np.median(ct.data[chosen]), abs=10), name
    for tree in pair.anatomy.trees:
        bright = (pair.labels.data == tree.label) & ndimage.binary_erosion(parts["liver"], iterations=3)
        liver = np.median(pair.fixed.data[pair.labels.data == Label.LIVER])
        assert np.percentile(pair.fixed.data[bright], 90) > liver + 12


def test_hepatic_veins_of_a_mask_turn_from_dark_to_bright(scanned):
    ct, masks, parts = scanned
    patient = prepare_patient(ct=ct, masks={name: masks[name] for name in ("liver", *VESSEL_NAMES)})
    pair = simulate_pair(settings=PairSettings(motion=MotionSettings(kind="still")), seed=2, patient=patient)
    vein = ndimage.binary_erosion(parts["hepatic_vein"])
    liver = pair.labels.data == Label.LIVER
    assert np.median(pair.moving.data[vein]) < np.median(pair.moving.data[liver]) - 8
    assert np.median(pair.fixed.data[vein]) > np.median(pair.fixed.data[liver]) + 20


def test_empty_mask_is_an_error(ct):
    empty = Volume(np.zeros(ct.shape, dtype=np.uint8), ct.grid)
    with pytest.raises(MaskError, match="empty"):
        prepare_patient(ct=ct, masks={"liver": liver_of(ct), "spleen": empty})
