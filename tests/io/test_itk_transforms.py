import ants
import numpy as np
import pytest
import SimpleITK as sitk

from hepareg.errors import FileFormatError, TransformError
from hepareg.io.itk_transforms import read_itk_transform, read_versor_text, write_itk_transform
from hepareg.transforms import AffineTransform, RigidTransform

FLIP = np.array([-1.0, -1.0, 1.0])


def moved_by_itk(transform, points):
    return np.array([transform.TransformPoint(p) for p in (points * FLIP).tolist()]) * FLIP


def rigid(cls):
    transform = cls()
    transform.SetCenter((10.0, 20.0, -300.0))
    transform.SetTranslation((12.0, -7.0, 31.0))
    if cls is sitk.Euler3DTransform:
        transform.SetRotation(0.1, -0.2, 0.3)
    else:
        transform.SetRotation((0.3, -0.5, 0.8), 0.4)
    return transform


def affine(cls):
    transform = cls(3) if cls is sitk.AffineTransform else cls()
    transform.SetCenter((10.0, 20.0, -300.0))
    transform.SetTranslation((12.0, -7.0, 31.0))
    if cls is sitk.AffineTransform:
        transform.SetMatrix((1.1, 0.1, 0, -0.05, 0.9, 0.02, 0.03, 0.04, 1.02))
    elif cls is sitk.Similarity3DTransform:
        transform.SetRotation((0.3, -0.5, 0.8), 0.4)
        transform.SetScale(1.07)
    else:
        transform.SetRotation((0.3, -0.5, 0.8), 0.4)
        transform.SetScale((1.07, 0.98, 1.01))
    return transform


def chain():
    return sitk.CompositeTransform([rigid(sitk.Euler3DTransform), affine(sitk.AffineTransform), moved_only()])


def moved_only():
    return sitk.TranslationTransform(3, (3.0, 4.0, 5.0))


TRANSFORMS = {
    "euler": rigid(sitk.Euler3DTransform),
    "versor_rigid": rigid(sitk.VersorRigid3DTransform),
    "affine": affine(sitk.AffineTransform),
    "similarity": affine(sitk.Similarity3DTransform),
    "scale_versor": affine(sitk.ScaleVersor3DTransform),
    "translation": moved_only(),
    "versor": sitk.VersorTransform((0.3, -0.5, 0.8), 0.4, (10.0, 20.0, 30.0)),
    "scale": sitk.ScaleTransform(3, (1.1, 0.9, 1.0)),
    "chain": chain(),
}


@pytest.mark.parametrize("suffix", [".tfm", ".txt", ".h5", ".mat"])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_reads_what_simpleitk_writes(tmp_path, landmarks, name, suffix):
    if name == "chain" and suffix == ".mat":
        pytest.skip("ITK writes no chain into .mat")
    path = tmp_path / f"a{suffix}"
    sitk.WriteTransform(TRANSFORMS[name], str(path))
    ours = read_itk_transform(path)
    # ITK's own reading: ScaleVersor3D's offset is stale in memory after SetScale.
    np.testing.assert_allclose(ours.apply(landmarks), moved_by_itk(sitk.ReadTransform(str(path)), landmarks), atol=1e-9)


@pytest.mark.parametrize("kind", ["Euler3DTransform", "AffineTransform"])
@pytest.mark.parametrize("precision", ["float", "double"])
def test_reads_what_ants_writes(tmp_path, landmarks, kind, precision):
    path = tmp_path / "a0GenericAffine.mat"
    parameters = [0.1, -0.2, 0.3, 5, 6, 7] if kind[0] == "E" else [1.1, 0.1, 0, 0, 0.9, 0.02, 0.03, 0, 1, 5, 6, 7]
    fixed = [10, 20, -300, 0] if kind[0] == "E" else [10, 20, -300]
    theirs = ants.create_ants_transform(
        transform_type=kind, dimension=3, precision=precision, parameters=parameters, fixed_parameters=fixed
    )
    ants.write_transform(theirs, str(path))
    moved = np.array([theirs.apply_to_point(p) for p in (landmarks * FLIP).tolist()]) * FLIP
    np.testing.assert_allclose(read_itk_transform(path).apply(landmarks), moved, atol=1e-3)


@pytest.mark.parametrize("centre", [(0.0, 0.0, 0.0), (40.0, -20.0, -500.0)])
def test_simpleitk_and_ants_move_landmarks_alike(tmp_path, landmarks, moving_from_fixed, centre):
    path = tmp_path / "moving_from_fixed.tfm"
    write_itk_transform(path, moving_from_fixed, centre_mm=centre)
    theirs = sitk.ReadTransform(str(path))
    assert theirs.GetName() == "VersorRigid3DTransform"
    wanted = moving_from_fixed.apply(landmarks)
    np.testing.assert_allclose(moved_by_itk(theirs, landmarks), wanted, atol=1e-9)
    by_ants = ants.read_transform(str(path))
    assert by_ants.transform_type == "VersorRigid3DTransform"
    moved = np.array([by_ants.apply_to_point(p) for p in (landmarks * FLIP).tolist()]) * FLIP
    np.testing.assert_allclose(moved, wanted, atol=1e-3)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-6, 0.1, 2.0, np.pi - 1e-3])
def test_written_transform_is_read_back_rigid(tmp_path, angle):
    transform = RigidTransform.from_vectors(angle * np.array([0.6, 0.0, 0.8]), [300.0, -200.0, 100.0])
    write_itk_transform(tmp_path / "a.tfm", transform)
    again = read_itk_transform(tmp_path / "a.tfm")
    R = again.linear
    np.testing.assert_allclose(R.T @ R, np.eye(3), atol=1e-12)
    assert abs(np.linalg.det(R) - 1) < 1e-12
    np.testing.assert_allclose(again.matrix, transform.matrix, atol=1e-11)
    assert isinstance(again, AffineTransform)


def test_what_is_not_linear_is_refused(tmp_path):
    field = sitk.DisplacementFieldTransform(sitk.Image((4, 4, 4), sitk.sitkVectorFloat64, 3))
    sitk.WriteTransform(field, str(tmp_path / "field.h5"))
    with pytest.raises(TransformError, match="bends"):
        read_itk_transform(tmp_path / "field.h5")
    sitk.WriteTransform(sitk.Euler2DTransform(), str(tmp_path / "plane.tfm"))
    with pytest.raises(TransformError, match="3-D"):
        read_itk_transform(tmp_path / "plane.tfm")


def test_damaged_files_are_refused(tmp_path):
    with pytest.raises(FileFormatError, match="does not exist"):
        read_itk_transform(tmp_path / "absent.tfm")
    for name in ("a.tfm", "a.h5", "a.mat"):
        (tmp_path / name).write_text("#Insight Transform File V1.0\nTransform: Nonsense\n")
        with pytest.raises(FileFormatError, match="ITK cannot read"):
            read_itk_transform(tmp_path / name)


def test_a_list_of_transforms_is_not_cut_to_its_first(tmp_path, moving_from_fixed):
    write_itk_transform(tmp_path / "a.tfm", moving_from_fixed)
    text = (tmp_path / "a.tfm").read_text()
    (tmp_path / "a.tfm").write_text(text + text.partition("\n")[2])
    with pytest.raises(FileFormatError, match="got a list of 2"):
        read_itk_transform(tmp_path / "a.tfm")


def test_other_bytes_in_a_text_file(tmp_path, moving_from_fixed):
    """ITK 5.4 corrupts its memory on these and ends the process."""
    write_itk_transform(tmp_path / "a.tfm", moving_from_fixed)
    raw = (tmp_path / "a.tfm").read_bytes()
    for byte, message in ((b"\xe4", "not text"), (b"x", "expected numbers")):
        (tmp_path / "a.tfm").write_bytes(raw.replace(b"Parameters: ", b"Parameters:" + byte))
        with pytest.raises(FileFormatError, match=message):
            read_itk_transform(tmp_path / "a.tfm")


def test_own_files_are_read_without_itk(tmp_path, moving_from_fixed):
    for number, angle in enumerate((0.0, 1e-6, 0.3, 2.0, 3.0)):
        pose = RigidTransform.from_vectors(np.array([0.6, 0, 0.8]) * angle, [3, -2, 9]) @ moving_from_fixed
        path = tmp_path / f"{number}.tfm"
        write_itk_transform(path, pose, centre_mm=[10, 20, -300])
        np.testing.assert_allclose(read_versor_text(path).matrix, read_itk_transform(path).matrix, atol=1e-9)
    (tmp_path / "other.tfm").write_text("#Insight Transform File V1.0\nTransform: Euler3DTransform_double_3_3\n")
    with pytest.raises(FileFormatError, match="Versor"):
        read_versor_text(tmp_path / "other.tfm")
