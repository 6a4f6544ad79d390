import numpy as np
import pytest

from hepareg import Grid, Volume
from hepareg.errors import MaskError
from hepareg.simulation import prepare_patient


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
