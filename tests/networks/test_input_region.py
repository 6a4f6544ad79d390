import numpy as np
import pytest

from hepareg.errors import MaskError, SettingsError
from hepareg.geometry import Grid
from hepareg.networks.input_region import RegionSettings, region_grid, sample_on, scale_hu
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

LPS = [[-0.8, 0, 0, 100], [0, -0.8, 0, 60], [0, 0, 2.5, -300], [0, 0, 0, 1]]
OBLIQUE = RigidTransform.from_vectors([0.1, -0.2, 0.3], [0, 0, 0]).matrix @ LPS


def ramp(grid):
    """An image that is linear in the world, so that any right trilinear sampling is exact."""
    points = grid.world_points(np.moveaxis(np.indices(grid.shape), 0, -1))
    return Volume((points @ [1.0, 2.0, -0.5]).astype(np.float32), grid)


@pytest.mark.parametrize("matrix", [LPS, OBLIQUE], ids=["lps", "oblique"])
@pytest.mark.parametrize("spacing_mm", [0.7, 2.0, 5.0])
def test_sampling_is_exact_on_a_ramp_whatever_the_grids(matrix, spacing_mm):
    volume = ramp(Grid((120, 120, 40), matrix))
    settings = RegionSettings((10, 9, 8), spacing_mm)
    target = region_grid(settings, fixed=volume, fixed_mask=None)
    motion = RigidTransform.from_vectors([0.02, 0.05, -0.03], [2.0, -1.0, 3.0], centre_mm=target.centre_mm)
    points = target.world_points(np.moveaxis(np.indices(target.shape), 0, -1))
    expected = motion.apply(points) @ [1.0, 2.0, -0.5]
    # float32 voxels of a few hundred; block means of a ramp are its values at the blocks' centres.
    assert np.abs(sample_on(target, volume, transform=motion) - expected).max() < 1e-2


def test_coarse_sampling_averages_noise_instead_of_picking_it():
    grid = Grid((80, 80, 80), np.eye(4))
    noise = Volume(np.random.default_rng(0).normal(0, 30, grid.shape).astype(np.float32), grid)
    sampled = sample_on(region_grid(RegionSettings((10, 10, 10), 5.0), fixed=noise, fixed_mask=None), noise)
    # 125 voxels a block: 30 / sqrt(125) = 2.7 HU; trilinear interpolation lowers it further.
    assert sampled.std() < 4.0


def test_outside_the_image_is_air_and_far_away_is_no_error():
    volume = ramp(Grid((20, 20, 20), np.eye(4)))
    far = RigidTransform.from_vectors([0, 0, 0], [1e4, 0, 0])
    assert (sample_on(volume.grid, volume, transform=far) == -1024).all()


def test_the_region_is_centred_on_the_masks_box_with_axes_along_the_world():
    grid = Grid((100, 100, 40), LPS)
    mask = np.zeros(grid.shape, bool)
    mask[20:41, 50:71, 10:21] = True
    region = region_grid(RegionSettings((16, 12, 10), 3.0), fixed=ramp(grid), fixed_mask=Volume(mask, grid))
    assert np.allclose(region.centre_mm, grid.world_points([30, 60, 15]))
    assert np.array_equal(region.world_from_voxel[:3, :3], 3.0 * np.eye(3))


def test_native_spacing_follows_the_world_axes():
    swapped = Grid((20, 30, 40), [[0, 0, 4.0, 0], [1.0, 0, 0, 0], [0, 2.0, 0, 0], [0, 0, 0, 1]])
    region = region_grid(RegionSettings((8, 8, 8), None), fixed=ramp(swapped), fixed_mask=None)
    assert np.allclose(region.spacing_mm, [4.0, 1.0, 2.0])


def test_an_empty_mask_is_an_error():
    grid = Grid((20, 20, 20), np.eye(4))
    with pytest.raises(MaskError, match="empty"):
        region_grid(RegionSettings(), fixed=ramp(grid), fixed_mask=Volume(np.zeros(grid.shape, bool), grid))


@pytest.mark.parametrize(
    "wrong", [{"shape_vox": (4, 16, 16)}, {"spacing_mm": 0.0}, {"window_hu": (200.0, 100.0)}], ids=str
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(SettingsError):
        RegionSettings(**wrong)


def test_scaling_maps_the_window_to_minus_one_and_one():
    assert scale_hu(np.array([-1024.0, -150, 100, 350, 2000]), (-150, 350)).tolist() == [-1, -1, 0, 1, 1]
