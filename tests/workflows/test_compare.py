"""Two transform files compared over a mask."""

import numpy as np
import pytest
import SimpleITK as sitk

from hepareg.errors import MaskError, SettingsError
from hepareg.geometry import Grid
from hepareg.geometry.masked import points_mm
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.io.fsl import write_flirt
from hepareg.io.itk_transforms import write_itk_transform
from hepareg.io.matrix_text import write_matrix_text
from hepareg.io.nifti import write_nifti
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.volume import Volume
from hepareg.workflows.compare import compare_files

GRID = Grid((40, 36, 20), homogeneous(rotation_from_vector([0.2, 0.1, -0.3]) @ np.diag([2.0, -2.0, 4.0]), [9, 40, 600]))
POSE = RigidTransform.from_vectors([0.2, -0.1, 0.3], [5, 6, 7], centre_mm=GRID.centre_mm)


@pytest.fixture
def folder(tmp_path):
    labels = np.zeros(GRID.shape, np.uint8)
    labels[5:30, 6:22, 3:15] = 5
    write_nifti(tmp_path / "liver.nii.gz", Volume(labels, GRID))
    labels[32:38, 6:22, 3:15] = 2
    write_nifti(tmp_path / "labels.nii.gz", Volume(labels, GRID))
    write_matrix_text(tmp_path / "a.txt", POSE)
    return tmp_path


def liver():
    mask = np.zeros(GRID.shape, bool)
    mask[5:30, 6:22, 3:15] = True
    return mask


def test_known_difference(folder):
    centre = Volume(liver(), GRID).centroid_mm
    turn = RigidTransform.from_vectors(np.radians([0, 0, 2.0]), [3, 0, -4], centre_mm=POSE.apply(centre))
    write_itk_transform(folder / "b.tfm", turn @ POSE)
    found = compare_files(folder / "a.txt", folder / "b.tfm", mask=folder / "labels.nii.gz", mask_label=5)
    assert found.pose.rotation_deg == pytest.approx(2.0, abs=1e-6)
    assert found.pose.translation_mm == pytest.approx(5.0, abs=1e-4)
    points = points_mm(liver(), GRID)
    gaps = np.linalg.norm((turn @ POSE).apply(points) - POSE.apply(points), axis=1)
    assert (found.tre.mean_mm, found.tre.worst_mm) == pytest.approx((gaps.mean(), gaps.max()), abs=1e-4)
    assert found.not_rigid == ()
    assert set(found.as_dict()) >= {"rotation_deg", "translation_mm", "tre_mean_mm", "tre_worst_mm", "num_points"}


def test_same_file_is_zero(folder):
    found = compare_files(folder / "a.txt", folder / "a.txt", mask=folder / "liver.nii.gz")
    assert found.pose.rotation_deg == pytest.approx(0, abs=1e-6)
    assert (found.pose.translation_mm, found.tre.worst_mm) == (0, 0)


def test_affine_is_named_and_measured_as_it_is(folder):
    centre = Volume(liver(), GRID).centroid_mm
    S = np.diag([1.02, 1.0, 1.0])
    write_matrix_text(folder / "b.txt", POSE @ AffineTransform(homogeneous(S, centre - S @ centre)))
    found = compare_files(folder / "a.txt", folder / "b.txt", mask=folder / "liver.nii.gz")
    assert found.not_rigid == ("B",)
    assert found.pose.rotation_deg == pytest.approx(0, abs=1e-6)
    assert found.pose.translation_mm == pytest.approx(0, abs=1e-6)  # float32 header
    assert found.tre.worst_mm == pytest.approx(0.02 * np.abs(points_mm(liver(), GRID)[:, 0] - centre[0]).max())


def test_label_has_to_be_said(folder):
    with pytest.raises(MaskError, match="choose the label of the liver"):
        compare_files(folder / "a.txt", folder / "a.txt", mask=folder / "labels.nii.gz")


def test_a_matrix_of_flirt_is_for_nifti_alone(folder):
    """FSL's coordinates run along the voxels of NIfTI files; those of another format may be stored in another order."""
    write_flirt(folder / "b_flirt.mat", POSE, moving=GRID, fixed=GRID)
    liver, other = folder / "liver.nii.gz", folder / "other.nrrd"
    sitk.WriteImage(sitk.ReadImage(str(liver)), str(other))
    compare_files(folder / "a.txt", folder / "b_flirt.mat", mask=liver, moving=liver, fixed=liver)
    for images in ({"moving": liver, "fixed": other}, {"moving": other, "fixed": liver}):
        with pytest.raises(SettingsError, match="two NIfTI images"):
            compare_files(folder / "a.txt", folder / "b_flirt.mat", mask=liver, **images)
