from pathlib import Path

import ants
import numpy as np
import pytest
import SimpleITK as sitk

from hepareg.errors import FileFormatError, TransformError
from hepareg.io.itk_transforms import read_itk_transform, read_versor_text, write_itk_transform
from hepareg.io.transforms import read_transform
from hepareg.transforms import AffineTransform, RigidTransform

FLIP = np.array([-1.0, -1.0, 1.0])

GOLDEN = Path(__file__).parents[1] / "golden"


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


LINEAR_TYPES = {
    "TranslationTransform": ("1 2 3", ""),
    "ScaleTransform": ("1.1 1.2 1.3", "1 2 3"),
    "ScaleLogarithmicTransform": ("0.1 0.2 0.3", "1 2 3"),
    "Euler3DTransform": (".1 .2 .3 4 5 6", "1 2 3 1"),
    "CenteredEuler3DTransform": (".1 .2 .3 1 2 3 4 5 6", "0 0 0 0"),
    "VersorTransform": (".1 .2 .3", "1 2 3"),
    "VersorRigid3DTransform": (".1 .2 .3 4 5 6", "1 2 3"),
    "QuaternionRigidTransform": ("0.18 0.36 0.54 0.74 4 5 6", "1 2 3"),
    "Similarity3DTransform": (".1 .2 .3 4 5 6 1.1", "1 2 3"),
    "ScaleVersor3DTransform": (".1 .2 .3 4 5 6 1.1 1.2 1.3", "1 2 3"),
    "ScaleSkewVersor3DTransform": (".1 .2 .3 4 5 6 1.1 1.2 1.3 .01 .02 .03 .04 .05 .06", "1 2 3"),
    "ComposeScaleSkewVersor3DTransform": (".1 .2 .3 4 5 6 1.1 1.2 1.3 .01 .02 .03", "1 2 3"),
    "AffineTransform": ("1 0 0.1 0 1 0 0 0 1 4 5 6", "1 2 3"),
    "CenteredAffineTransform": ("1 0 0.1 0 1 0 0 0 1 1 2 3 4 5 6", "0 0 0"),
    "MatrixOffsetTransformBase": ("1 0 0.1 0 1 0 0 0 1 4 5 6", "1 2 3"),
    "IdentityTransform": ("", ""),
}


@pytest.mark.parametrize("precision", ["double", "float"])
@pytest.mark.parametrize("name", LINEAR_TYPES)
def test_every_linear_type_moves_points_as_itk_does(tmp_path, landmarks, name, precision):
    parameters, fixed = LINEAR_TYPES[name]
    text = (
        f"#Insight Transform File V1.0\n#Transform 0\nTransform: {name}_{precision}_3_3\n"
        f"Parameters: {parameters}\nFixedParameters: {fixed}\n"
    )
    (tmp_path / "a.tfm").write_text(text)
    itk = sitk._SimpleITK.ReadTransform(str(tmp_path / "a.tfm"))  # the public function has no class for some
    flip = np.array([-1, -1, 1])
    wanted = np.array([itk.TransformPoint(point) for point in (landmarks * flip).tolist()]) * flip
    np.testing.assert_allclose(read_itk_transform(tmp_path / "a.tfm").apply(landmarks), wanted, atol=1e-9)


@pytest.mark.parametrize(
    "name", ["Rigid3DTransform", "ScalableAffineTransform", "FixedCenterOfRotationAffineTransform"]
)
def test_types_with_the_parameters_of_an_affine_one(tmp_path, name):
    text = (
        "#Insight Transform File V1.0\n#Transform 0\nTransform: {}_double_3_3\nParameters: {}\nFixedParameters: 1 2 3\n"
    )
    numbers = "0 -1 0 1 0 0 0 0 1 4 5 6"
    (tmp_path / "a.tfm").write_text(text.format(name, numbers))
    (tmp_path / "b.tfm").write_text(text.format("AffineTransform", numbers))
    a, b = (read_itk_transform(tmp_path / f"{n}.tfm").matrix for n in "ab")
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("made", "others"),
    [
        ("a.tfm", ("A.TFM", "noext", "b.txt", "c.mat")),
        ("a.h5", ("b.hdf5", "c.tfm", "d")),
        ("a.mat", ("b.MAT", "c.txt", "d")),
    ],
)
def test_the_content_decides_not_the_name(tmp_path, made, others):
    sitk.WriteTransform(sitk.Euler3DTransform((1.0, 2.0, 3.0), 0.1, 0.2, 0.3, (4.0, 5.0, 6.0)), str(tmp_path / made))
    wanted = read_itk_transform(tmp_path / made).matrix
    for name in others:
        (tmp_path / name).write_bytes((tmp_path / made).read_bytes())
        np.testing.assert_array_equal(read_transform(tmp_path / name).matrix, wanted, err_msg=name)
    if made == "a.tfm":
        (tmp_path / "bom").write_bytes(b"\xef\xbb\xbf" + (tmp_path / made).read_bytes().replace(b"\n", b"\r\n"))
        np.testing.assert_array_equal(read_transform(tmp_path / "bom").matrix, wanted)


def test_a_damaged_matlab_file_takes_no_memory(tmp_path):
    """Its header asks for matrices of up to 16 GB, which ITK would allocate."""
    raw = (GOLDEN / "ants_a0GenericAffine.mat").read_bytes()
    for place in (4, 8, 16):
        damaged = bytearray(raw)
        damaged[place + 3] = 0x7E
        (tmp_path / "a.mat").write_bytes(damaged)
        with pytest.raises(FileFormatError, match=r"damaged|unknown|cannot read|four lines"):
            read_transform(tmp_path / "a.mat")
    (tmp_path / "a.mat").write_bytes(raw[:-30])
    with pytest.raises(FileFormatError, match="damaged"):
        read_itk_transform(tmp_path / "a.mat")


@pytest.mark.parametrize("change", [lambda raw: raw + b"\0", lambda raw: raw[:-1], lambda raw: raw[:800] + raw[700:]])
def test_hdf5_of_another_length_than_it_says_is_refused(tmp_path, change):
    """HDF5 ends the process on some of these."""
    whole = (GOLDEN / "itk_euler.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(change(whole))
    with pytest.raises(FileFormatError, match="damaged HDF5"):
        read_itk_transform(tmp_path / "a.h5")
    (tmp_path / "a.h5").write_bytes(whole)
    read_itk_transform(tmp_path / "a.h5")


def test_a_matlab_file_whose_numbers_overflow_is_refused(tmp_path):
    raw = (GOLDEN / "ants_a0GenericAffine.mat").read_bytes()
    place = 20 + int.from_bytes(raw[16:20], "little")  # behind five integers and the name
    (tmp_path / "a.mat").write_bytes(raw[:place] + np.float64(1e300).tobytes() * 9 + raw[place + 72 :])
    with pytest.raises(TransformError, match="finite"):
        read_itk_transform(tmp_path / "a.mat")
