"""Other spacings in the same place."""

import numpy as np
import pytest

from hepareg.errors import SettingsError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import rotation_from_vector
from hepareg.preprocessing import resample_to_spacing
from hepareg.volume import Volume


def oblique(flips):
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_from_vector([0.3, -0.2, 0.1]) @ np.diag(np.multiply([0.8, 0.9, 2.5], flips))
    matrix[:3, 3] = [30, -70, 500]
    return Grid((60, 50, 24), matrix)


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1)])
@pytest.mark.parametrize("spacing", [2.0, (1.6, 0.9, 1.0)])
def test_structures_stay_where_they_are(flips, spacing):
    grid = oblique(flips)
    points = grid.world_points(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1))
    centre = grid.centre_mm + np.array([2.0, -3.0, 4.0])
    blob = np.exp(-0.5 * (np.linalg.norm(points - centre, axis=-1) / 5) ** 2)
    image = resample_to_spacing(Volume(blob.astype(np.float32), grid), spacing)
    assert np.allclose(image.grid.spacing_mm, spacing)
    weights = np.clip(image.data, 0, None)[..., None]
    voxels = np.stack(np.meshgrid(*map(np.arange, image.shape), indexing="ij"), axis=-1)
    found = (weights * image.grid.world_points(voxels)).sum((0, 1, 2)) / weights.sum()
    assert np.abs(found - centre).max() < 0.05
    mask = resample_to_spacing(Volume(blob > 0.3, grid), spacing, is_mask=True)
    assert mask.data.dtype == bool
    assert np.abs(mask.centroid_mm - centre).max() < 0.4  # a sixth of a slice


def test_linear_ramp_keeps_its_values_inside():
    grid = oblique((1, 1, 1))
    points = grid.world_points(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1))
    image = resample_to_spacing(Volume(points @ [1.0, 2.0, 3.0], grid), (1.6, 2.7, 5.0))
    inner = image.crop(np.full(3, 2), np.array(image.shape) - 3)
    voxels = np.stack(np.meshgrid(*map(np.arange, inner.shape), indexing="ij"), axis=-1)
    assert np.abs(inner.data - inner.grid.world_points(voxels) @ [1.0, 2.0, 3.0]).max() < 0.02


def test_noise_is_averaged_where_voxels_get_larger():
    grid = Grid((60, 60, 60), np.eye(4))
    noise = Volume(np.random.default_rng(0).normal(0, 30, grid.shape).astype(np.float32), grid)
    assert resample_to_spacing(noise, 3.0).data.std() < 8
    assert resample_to_spacing(noise, 1.0).data.std() == pytest.approx(30, rel=0.01)


def test_type_is_kept_and_wrong_spacing_is_an_error():
    ct = Volume(np.full((9, 9, 9), 57, np.int16), Grid((9, 9, 9), np.eye(4)))
    coarse = resample_to_spacing(ct, 2.0)
    assert coarse.data.dtype == np.int16
    assert (coarse.data == 57).all()
    with pytest.raises(SettingsError, match="positive spacing"):
        resample_to_spacing(ct, (1, 0, 1))
