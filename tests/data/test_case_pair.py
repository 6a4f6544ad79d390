from dataclasses import replace

import numpy as np
import pytest

from hepareg.data.case_pair import pack_pair, prepare_pair, unpack_pair
from hepareg.errors import MaskError
from hepareg.networks.input_region import RegionSettings, centroid_start

REGION = RegionSettings((32, 28, 24), 5.0)


def test_a_prepared_pair_lies_on_ras_grids_around_the_liver(oblique_pair):
    prepared = prepare_pair(oblique_pair, region=REGION, margin_mm=20.0)
    assert prepared.fixed.shape == (32, 28, 24)
    assert prepared.moving.shape == (40, 36, 32)
    assert np.array_equal(prepared.fixed.grid.world_from_voxel[:3, :3], 5.0 * np.eye(3))
    # The liver stays where it was in the world, to a fraction of the 5 mm voxels.
    for before, after in (
        (oblique_pair.fixed_mask, prepared.fixed_mask),
        (oblique_pair.moving_mask, prepared.moving_mask),
    ):
        assert np.linalg.norm(before.centroid_mm - after.centroid_mm) < 0.3
    assert np.median(prepared.fixed.data[prepared.fixed_mask.data]) == 110
    assert np.median(prepared.moving.data[prepared.moving_mask.data]) == 60


def test_packing_keeps_voxels_matrices_and_truth_exactly(oblique_pair):
    prepared = prepare_pair(oblique_pair, region=REGION, margin_mm=20.0)
    again = unpack_pair(pack_pair(prepared), case="case1")
    assert np.array_equal(again.moving.data, prepared.moving.data)
    assert np.array_equal(again.fixed_mask.data, prepared.fixed_mask.data)
    assert np.array_equal(again.moving.grid.world_from_voxel, prepared.moving.grid.world_from_voxel)
    assert np.allclose(again.moving_from_fixed.matrix, prepared.moving_from_fixed.matrix, atol=1e-15)


def test_a_missing_mask_stays_missing_and_the_start_is_identity(oblique_pair):
    without = replace(oblique_pair, moving_mask=None, moving_from_fixed=None)
    again = unpack_pair(pack_pair(prepare_pair(without, region=REGION, margin_mm=20.0)), case="case1")
    assert again.moving_mask is None
    assert again.moving_from_fixed is None
    assert np.array_equal(again.start().matrix, np.eye(4))


def test_the_start_joins_the_centroids(oblique_pair):
    start = centroid_start(moving_mask=oblique_pair.moving_mask, fixed_mask=oblique_pair.fixed_mask)
    joined = start.apply(oblique_pair.fixed_mask.centroid_mm)
    assert np.allclose(joined, oblique_pair.moving_mask.centroid_mm)
    assert start.rotation_deg == 0.0


def test_an_empty_mask_is_named_by_its_case(oblique_pair):
    empty = oblique_pair.fixed_mask.with_data(np.zeros_like(oblique_pair.fixed_mask.data))
    with pytest.raises(MaskError, match="empty"):
        prepare_pair(replace(oblique_pair, fixed_mask=empty), region=REGION, margin_mm=20.0)
