"""Rigid parts of other tools' affines."""

import numpy as np
import pytest
import SimpleITK as sitk

from hepareg.errors import MaskError, OutputError, SettingsError, TransformError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.io.fsl import write_flirt
from hepareg.io.lta import write_lta
from hepareg.io.matrix_text import write_matrix_text
from hepareg.io.nifti import write_nifti
from hepareg.io.transforms import read_transform
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.volume import Volume
from hepareg.workflows.rigidify import rigidify_file

FIXED = Grid(
    (40, 36, 20), homogeneous(rotation_from_vector([0.2, 0.1, -0.3]) @ np.diag([2.0, -2.0, 4.0]), [9, 40, 600])
)
MOVING = Grid((30, 44, 25), homogeneous(np.diag([-2.5, -1.5, 3.0]), [60, 50, 580]))
MASK = np.zeros(FIXED.shape, np.uint8)
MASK[5:30, 6:22, 3:15] = 1
CENTRE = Volume(MASK, FIXED).centroid_mm
POSE = RigidTransform.from_vectors([0.2, -0.1, 0.3], [5, 6, 7], centre_mm=CENTRE)
S = np.array([[1.03, 0.02, 0], [0.02, 0.98, 0.01], [0, 0.01, 1.01]])
AFFINE = POSE @ AffineTransform(homogeneous(S, CENTRE - S @ CENTRE))


@pytest.fixture
def folder(tmp_path):
    write_nifti(tmp_path / "fixed.nii.gz", Volume(np.zeros(FIXED.shape, np.int16), FIXED))
    write_nifti(tmp_path / "moving.nii.gz", Volume(np.zeros(MOVING.shape, np.int16), MOVING))
    write_nifti(tmp_path / "liver.nii.gz", Volume(MASK, FIXED))
    write_matrix_text(tmp_path / "affine.txt", AFFINE)
    write_flirt(tmp_path / "affine_flirt.mat", AFFINE, moving=MOVING, fixed=FIXED)
    write_lta(tmp_path / "affine.lta", AFFINE, moving=MOVING, fixed=FIXED)
    itk = sitk.AffineTransform(3)
    itk.SetMatrix(AFFINE.matrix_lps[:3, :3].ravel().tolist())
    itk.SetTranslation(AFFINE.matrix_lps[:3, 3].tolist())
    sitk.WriteTransform(itk, str(tmp_path / "affine.tfm"))
    return tmp_path


def rigidified(folder, name, out, **options):
    inputs = {role: folder / f"{role}.nii.gz" for role in ("fixed", "moving")}
    if name.endswith(".txt"):
        options.setdefault("direction", "moving_from_fixed")
    return rigidify_file(folder / name, folder / out, **inputs, mask=folder / "liver.nii.gz", **options)


@pytest.mark.parametrize("name", ["affine.txt", "affine_flirt.mat", "affine.lta", "affine.tfm"])
@pytest.mark.parametrize("out", ["rigid.txt", "rigid.tfm", "rigid.lta", "rigid.mat"])
def test_any_tool_to_any_tool(folder, name, out):
    removed = rigidified(folder, name, out).removed
    back = read_transform(folder / out, moving=MOVING, fixed=FIXED)
    assert np.abs(back.apply(FIXED.corners_mm) - POSE.apply(FIXED.corners_mm)).max() < 2e-3  # float32 in headers
    assert removed.scale_percent == pytest.approx((3, -2, 1), abs=0.01)
    assert removed.shear_percent == pytest.approx((2, 0, 1), abs=0.01)


def test_text_holds_the_certificate(folder):
    rigidified(folder, "affine.txt", "rigid.txt")
    R = np.loadtxt(folder / "rigid.txt")[:3, :3]
    assert np.abs(R.T @ R - np.eye(3)).max() < 1e-12
    assert abs(np.linalg.det(R) - 1) < 1e-12
    assert np.abs(np.loadtxt(folder / "rigid.txt") @ [*CENTRE, 1] - [*AFFINE.apply(CENTRE), 1]).max() < 1e-4


def test_bad_input_writes_nothing(folder):
    mirrored = AffineTransform(np.diag([-1.0, 1, 1, 1]))
    write_matrix_text(folder / "mirror.txt", mirrored)
    (folder / "singular.txt").write_text("1 0 0 0\n0 1 0 0\n0 0 0 0\n0 0 0 1\n")
    write_nifti(folder / "other.nii.gz", Volume(np.ones(MOVING.shape, np.uint8), MOVING))
    before = sorted(folder.iterdir())
    with pytest.raises(TransformError, match="positive determinant"):
        rigidified(folder, "mirror.txt", "rigid.txt")
    with pytest.raises(TransformError, match="singular"):
        rigidified(folder, "singular.txt", "rigid.txt")
    with pytest.raises(SettingsError, match=r"\.lta or \.mat"):
        rigidified(folder, "affine.txt", "rigid.nii")
    with pytest.raises(OutputError, match="existing file"):
        rigidified(folder, "affine.txt", "affine.txt")
    with pytest.raises(MaskError, match="within its image"):
        rigidify_file(
            folder / "affine.txt",
            folder / "rigid.txt",
            fixed=folder / "fixed.nii.gz",
            moving=folder / "moving.nii.gz",
            mask=folder / "other.nii.gz",
            direction="moving_from_fixed",
        )
    with pytest.raises(SettingsError, match="direction is known"):
        rigidified(folder, "affine.txt", "rigid.txt", direction=None)
    assert sorted(folder.iterdir()) == before


def test_a_guessed_label_of_the_mask_is_noted(folder):
    write_nifti(folder / "liver.nii.gz", Volume(5 * MASK + (MASK == 0) * (np.arange(20) == 19) * np.uint8(27), FIXED))
    notes = rigidified(folder, "affine.txt", "rigid.txt", mask_label="liver").notes
    assert any("5 was taken as the liver" in note for note in notes)


@pytest.mark.parametrize(("name", "out"), [("affine_flirt.mat", "rigid.txt"), ("affine.txt", "rigid.mat")])
@pytest.mark.parametrize("other", ["moving", "fixed"])
def test_flirt_is_for_nifti_alone(folder, name, out, other):
    """FSL's coordinates run along the voxels of NIfTI files; those of another format may be stored in another order."""
    sitk.WriteImage(sitk.ReadImage(str(folder / f"{other}.nii.gz")), str(folder / "other.nrrd"))
    inputs = {role: folder / ("other.nrrd" if role == other else f"{role}.nii.gz") for role in ("fixed", "moving")}
    said = {} if name.endswith(".mat") else {"direction": "moving_from_fixed"}
    with pytest.raises(SettingsError, match="two NIfTI images"):
        rigidify_file(folder / name, folder / out, **inputs, mask=folder / "liver.nii.gz", **said)
    assert not (folder / out).exists()
    rigidify_file(folder / "affine.tfm", folder / "rigid.lta", **inputs, mask=folder / "liver.nii.gz")
