import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import torch

from hepareg.errors import ImageError
from hepareg.io.in_memory import as_volume, is_image
from hepareg.volume import Volume

VOXELS = np.random.default_rng(0).integers(-1000, 1000, (9, 7, 5)).astype(np.int16)


def test_every_kind_gives_the_same_volume(grid):
    by_itk = sitk.GetImageFromArray(VOXELS.T)
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ grid.world_from_voxel
    by_itk.SetOrigin(lps[:3, 3].tolist())
    by_itk.SetSpacing(grid.spacing_mm.tolist())
    by_itk.SetDirection((lps[:3, :3] / grid.spacing_mm).ravel().tolist())
    for image in (
        Volume(VOXELS, grid),
        nib.Nifti1Image(VOXELS, grid.world_from_voxel),
        by_itk,
        (VOXELS, grid.world_from_voxel),
        (VOXELS[..., None].astype(float), grid.world_from_voxel),
    ):
        volume = as_volume(image)
        np.testing.assert_array_equal(volume.data, VOXELS)
        np.testing.assert_allclose(volume.grid.world_from_voxel, grid.world_from_voxel, atol=1e-5)


def test_a_nibabel_image_on_disk(tmp_path, grids):
    image = nib.Nifti1Image(VOXELS, grids["ras"].world_from_voxel)
    image.header.set_slope_inter(1, -1024)
    nib.save(image, tmp_path / "scaled.nii.gz")
    nib.save(nib.Nifti1Image(VOXELS, grids["ras"].world_from_voxel), tmp_path / "plain.nii.gz")
    for name, dtype in (("scaled", np.float32), ("plain", np.int16)):
        theirs = nib.load(tmp_path / f"{name}.nii.gz")
        volume = as_volume(theirs)
        assert volume.data.dtype == dtype
        np.testing.assert_array_equal(volume.data, np.asarray(theirs.dataobj))


def test_other_things_are_refused():
    for image in (
        VOXELS,
        "image.nii.gz",
        (np.zeros((3, 3)), np.eye(4)),
        (np.zeros((3, 3, 3), complex), np.eye(4)),
        (VOXELS, np.zeros((4, 4))),
        sitk.Image(4, 4, sitk.sitkInt16),
        sitk.Image((4, 4, 4), sitk.sitkVectorUInt8, 3),
    ):
        with pytest.raises(ImageError, match="expected"):
            as_volume(image)


def test_a_spacing_that_no_ct_has():
    with pytest.raises(ImageError, match="another unit than mm"):
        as_volume((np.zeros((4, 4, 4), np.int16), np.diag([700.0, 700, 2500, 1])))


@pytest.mark.parametrize("matrix", ["a", None, [["x"] * 4] * 4, {}])
def test_a_matrix_that_holds_no_numbers(matrix):
    for voxels in (VOXELS, torch.from_numpy(VOXELS)):
        with pytest.raises(ImageError, match="world_from_voxel"):
            as_volume((voxels, matrix))


@pytest.mark.parametrize("value", [Volume, 3, None, VOXELS, [VOXELS, np.eye(4)], "a.nii", (VOXELS,)])
def test_values_that_are_no_image(value):
    assert not is_image(value)
    with pytest.raises(ImageError, match="expected a Volume, a nibabel"):
        as_volume(value)
