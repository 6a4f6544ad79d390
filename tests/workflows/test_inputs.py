import numpy as np
import pytest
import torch

from hepareg.errors import FileFormatError, ImageError, MaskError, PairError, SettingsError
from hepareg.geometry import Grid
from hepareg.io.nifti import write_nifti
from hepareg.preprocessing.ct_check import check_ct
from hepareg.volume import Volume
from hepareg.workflows.inputs import CheckedPair, read_ct, read_liver_mask, read_pair

SHAPE = (24, 20, 12)
GRID = Grid(SHAPE, np.diag([1.5, 1.5, 3.0, 1.0]))


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    for n, name in enumerate(("moving", "fixed")):
        data = np.full(SHAPE, -1000.0)
        data[3:20, 3:17] = 50 + 10 * n
        data = (data + 30 * rng.normal(size=SHAPE)).astype(np.int16)
        write_nifti(tmp_path / f"{name}.nii.gz", Volume(data, GRID))
        labels = np.zeros(SHAPE, np.uint8)
        labels[5:12, 5:12, 3:9] = 1
        write_nifti(tmp_path / f"{name}_mask.nii.gz", Volume(labels, GRID))
        labels[15:18, 5:12, 3:9] = 7
        write_nifti(tmp_path / f"{name}_labels.nii.gz", Volume(labels, GRID))
    (tmp_path / "text.nii.gz").write_text("not an image")
    return tmp_path


def test_reads_a_pair(files):
    pair = read_pair(
        moving=files / "moving.nii.gz",
        fixed=files / "fixed.nii.gz",
        moving_mask=files / "moving_labels.nii.gz",
        fixed_mask=files / "fixed_labels.nii.gz",
        moving_mask_label=7,
        fixed_mask_label=7,
    )
    assert pair.notes == ()
    assert pair.moving.data.dtype == np.int16
    assert pair.moving_mask.data.sum() == pair.fixed_mask.data.sum() == 3 * 7 * 6
    assert read_pair(moving=files / "moving.nii.gz", fixed=files / "fixed.nii.gz").fixed_mask is None


def test_errors_name_the_side(files):
    moving, fixed = files / "moving.nii.gz", files / "fixed.nii.gz"
    for arguments, error, message in [
        ({"moving": files / "absent.nii"}, FileFormatError, "does not exist"),
        ({"fixed": files / "text.nii.gz"}, FileFormatError, "NIfTI header"),
        ({"fixed": files / "fixed_mask.nii.gz"}, ImageError, "as the fixed image"),
        ({"moving_mask": files / "moving_labels.nii.gz"}, MaskError, "moving mask with one label"),
        ({"moving_mask": moving}, MaskError, "as the moving mask"),
        ({"fixed": moving}, PairError, "same image twice"),
    ]:
        with pytest.raises(error, match=message):
            read_pair(**{"moving": moving, "fixed": fixed, **arguments})
    assert read_pair(moving=moving, fixed=moving, allow_identical=True).notes == ("both images are the same",)


def test_the_shared_mask_is_reordered_onto_its_series(shared_data):
    """The mask is stored in RAS order, the DICOM series comes in LPS order."""
    from hepareg.io.dicom_series import read_dicom_series

    series = read_dicom_series(shared_data / "lidc_idri_0001" / "dicom")
    check_ct(series)
    mask = read_liver_mask(shared_data / "lidc_idri_0001" / "liver_approximate.nii.gz", like=series)
    assert mask.grid is series.grid
    assert 1100 < mask.data.sum() * series.grid.voxel_volume_mm3 / 1000 < 1200
    assert 40 < np.median(series.data[mask.data]) < 80


def test_tensors_of_the_cpu_are_checked_and_those_of_a_device_stay_there():
    """Torch's device `meta` stands for a GPU: nothing can be read from it."""
    voxels = torch.full(SHAPE, 50.0)
    with pytest.raises(ImageError, match="as the fixed image"):
        read_ct((voxels, GRID.world_from_voxel), name="fixed image")
    elsewhere = voxels.to("meta")
    assert read_ct((elsewhere, GRID.world_from_voxel)).data.device == elsewhere.device
    mask, like = Volume(elsewhere, GRID), Volume(elsewhere, GRID)
    with pytest.raises(MaskError, match="expected the number of the liver"):
        read_liver_mask(mask, like=like, label="liver")


def test_a_pair_on_a_device_comes_back_as_arrays():
    tensor = Volume(torch.zeros(SHAPE), GRID)
    array = Volume(np.zeros(SHAPE), GRID)
    assert CheckedPair(array, array).on_host().moving is array
    pair = CheckedPair(tensor, array, None, tensor, ("a note",)).on_host()
    assert isinstance(pair.moving.data, np.ndarray)
    assert isinstance(pair.fixed_mask.data, np.ndarray)
    assert (pair.fixed, pair.moving_mask, pair.notes) == (array, None, ("a note",))


def test_a_series_is_for_folders_alone():
    with pytest.raises(SettingsError, match="got a moving image in memory"):
        read_ct(Volume(np.zeros(SHAPE), GRID), series="2", name="moving image")
