"""elastix' parameter files, held to transformix where its answers are known (tests/golden/elastix)."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from hepareg.errors import FileFormatError, HeparegError, SettingsError, TransformError
from hepareg.geometry.rotations import rotation_from_vector
from hepareg.io.elastix import read_elastix, write_elastix
from hepareg.io.itk_transforms import write_itk_transform
from hepareg.io.transforms import read_transform
from hepareg.transforms import RigidTransform

GOLDEN = Path(__file__).parents[1] / "golden" / "elastix"
LPS = np.array([-1.0, -1.0, 1.0])
SIX_DECIMALS_MM = 1e-6
EULER = (
    '(Transform "EulerTransform")\n(NumberOfParameters 6)\n(TransformParameters 0.01 -0.02 0.03 4.0 -5.0 6.0)\n'
    '(InitialTransformParameterFileName "{initial}")\n(HowToCombineTransforms "{how}")\n(FixedImageDimension 3)\n'
    "(MovingImageDimension 3)\n(CenterOfRotationPoint 10.0 20.0 30.0)\n"
)


def itk_of_euler(*, z_y_x=False):
    transform = sitk.Euler3DTransform((10.0, 20.0, 30.0), 0.01, -0.02, 0.03, (4.0, -5.0, 6.0))
    transform.SetComputeZYX(z_y_x)
    return transform


def moved(transform, points):
    return np.array([transform.TransformPoint(point) for point in (points * LPS).tolist()]) * LPS


def euler(path, initial="NoInitialTransform", how="Compose", extra=""):
    path.write_text(EULER.format(initial=initial, how=how) + extra)
    return path


@pytest.mark.parametrize("name", ["TransformParameters.0.txt", "TransformParameters.1.txt"])
def test_points_go_where_transformix_moves_them(name):
    """The second file is a chain, whose first part lies elsewhere by its name and is found beside it."""
    content = json.loads((GOLDEN / "points.json").read_text())
    points, wanted = (np.array(x) * LPS for x in (content["points_lps"], content["moved_lps"][name]))
    np.testing.assert_allclose(read_transform(GOLDEN / name).apply(points), wanted, atol=SIX_DECIMALS_MM)


@pytest.mark.parametrize("z_y_x", [False, True])
def test_euler_angles_are_itks(tmp_path, landmarks, z_y_x):
    path = euler(tmp_path / "TransformParameters.0.txt", extra=f'(ComputeZYX "{str(z_y_x).lower()}")\n')
    wanted = moved(itk_of_euler(z_y_x=z_y_x), landmarks)
    np.testing.assert_allclose(read_elastix(path).apply(landmarks), wanted, atol=1e-9)


@pytest.mark.parametrize(
    ("kind", "parameters", "make"),
    [
        ("TranslationTransform", [4, -5, 6], lambda p: sitk.TranslationTransform(3, p)),
        ("SimilarityTransform", [0.1, 0.2, 0.3, 4, -5, 6, 1.1], lambda p: _itk(sitk.Similarity3DTransform(), p)),
        (
            "AffineTransform",
            [1.1, 0.1, 0, 0, 0.9, 0.02, 0.03, 0, 1, 4, -5, 6],
            lambda p: _itk(sitk.AffineTransform(3), p),
        ),
    ],
)
def test_other_linear_types(tmp_path, landmarks, kind, parameters, make):
    text = EULER.replace("EulerTransform", kind).replace("0.01 -0.02 0.03 4.0 -5.0 6.0", " ".join(map(str, parameters)))
    (tmp_path / "a.txt").write_text(text.format(initial="NoInitialTransform", how="Compose"))
    found = read_elastix(tmp_path / "a.txt")
    np.testing.assert_allclose(
        found.apply(landmarks), moved(make([float(p) for p in parameters]), landmarks), atol=1e-9
    )


def _itk(transform, parameters):
    transform.SetFixedParameters((10.0, 20.0, 30.0))
    transform.SetParameters(parameters)
    return transform


def test_log_affine(tmp_path):
    log = np.zeros((3, 3))
    log[0, 1], log[1, 0] = -0.3, 0.3
    numbers = " ".join(map(str, [*log.ravel(), 0, 0, 0]))
    text = EULER.replace("EulerTransform", "AffineLogTransform").replace("0.01 -0.02 0.03 4.0 -5.0 6.0", numbers)
    (tmp_path / "a.txt").write_text(text.format(initial="NoInitialTransform", how="Compose"))
    np.testing.assert_allclose(read_elastix(tmp_path / "a.txt").linear, rotation_from_vector([0, 0, 0.3]), atol=1e-12)


@pytest.mark.parametrize("how", ["Compose", "Add"])
@pytest.mark.parametrize("stored", ["TransformParameters.0.txt", "/data/somewhere/else/TransformParameters.0.txt"])
def test_chains(tmp_path, landmarks, how, stored):
    first = euler(tmp_path / "TransformParameters.0.txt")
    path = euler(tmp_path / "TransformParameters.1.txt", initial=stored, how=how)
    once = read_elastix(first).apply(landmarks)
    wanted = read_elastix(first).apply(once) if how == "Compose" else 2 * once - landmarks
    np.testing.assert_allclose(read_elastix(path).apply(landmarks), wanted, atol=1e-9)


def test_a_chain_that_begins_with_itk(tmp_path, landmarks, moving_from_fixed):
    write_itk_transform(tmp_path / "start.tfm", moving_from_fixed)
    path = euler(tmp_path / "a.txt", initial="start.tfm")
    wanted = moved(itk_of_euler(), moving_from_fixed.apply(landmarks))
    np.testing.assert_allclose(read_elastix(path).apply(landmarks), wanted, atol=1e-9)


def test_a_centre_as_a_voxel(tmp_path):
    text = EULER.format(initial="NoInitialTransform", how="Compose").replace(
        "(CenterOfRotationPoint 10.0 20.0 30.0)", "(CenterOfRotation 5 10 6)"
    )
    (tmp_path / "a.txt").write_text(text + "(Spacing 2 2 5)\n(Origin 0 0 0)\n(Direction 1 0 0 0 1 0 0 0 1)\n")
    euler(tmp_path / "b.txt")
    a, b = (read_elastix(tmp_path / name).matrix for name in ("a.txt", "b.txt"))
    np.testing.assert_allclose(a, b, atol=1e-12)


def test_toml(tmp_path):
    (tmp_path / "a.toml").write_text(
        'Transform = "EulerTransform"\nTransformParameters = [0.01, -0.02, 0.03, 4.0, -5.0, 6.0]\n'
        'InitialTransformParameterFileName = "NoInitialTransform"\nHowToCombineTransforms = "Compose"\n'
        "FixedImageDimension = 3\nCenterOfRotationPoint = [10.0, 20.0, 30.0]\nComputeZYX = false\n"
    )
    np.testing.assert_allclose(
        read_transform(tmp_path / "a.toml").matrix, read_elastix(euler(tmp_path / "b.txt")).matrix, atol=1e-12
    )


@pytest.mark.parametrize(
    "vector", [[0.1, -0.2, 0.15], [np.pi / 2, 0, 0], [0, np.pi / 2, 0.3], [2.0, 1.0, -1.5], [0, 0, 0]]
)
def test_what_is_written_is_read_again(tmp_path, grid, vector):
    transform = RigidTransform.from_vectors(vector, [5, -6, 7], centre_mm=[10, 20, -300])
    write_elastix(tmp_path / "a.txt", transform, fixed=grid, centre_mm=[40, -20, -500])
    np.testing.assert_allclose(read_transform(tmp_path / "a.txt").matrix, transform.matrix, atol=1e-9)


def test_other_content_gives_one_line(tmp_path):
    path = tmp_path / "a.txt"
    good = EULER.format(initial="NoInitialTransform", how="Compose")
    for text, error, message in [
        (good.replace("EulerTransform", "BSplineTransform"), TransformError, "got 'BSplineTransform'"),
        (good.replace("ImageDimension 3", "ImageDimension 2"), TransformError, "3-D points"),
        (good + '(UseDirectionCosines "false")\n', TransformError, "direction cosines"),
        (good.replace("0.01 ", ""), FileFormatError, "6 parameters"),
        (good.replace("0.01 ", "x "), FileFormatError, "damaged"),
        (good.replace("0.01 ", "nan "), FileFormatError, "6 parameters"),
        (good.replace("NoInitialTransform", "gone.txt"), FileFormatError, r"initial transform beside a\.txt"),
        (good.replace("NoInitialTransform", "a.txt"), FileFormatError, "that ends"),
        ('(Transform "File")\n(TransformFileName "a.txt")\n', FileFormatError, "that ends"),
        ('(Transform "EulerTransform")\n', FileFormatError, "damaged"),
        ('Transform = "EulerTransform"\nx = [1,\n', FileFormatError, "TOML"),
    ]:
        path.write_text(text)
        with pytest.raises(error, match=message) as caught:
            read_transform(path)
        assert "\n" not in str(caught.value)
    path.write_text(good)
    with pytest.raises(SettingsError, match="states its own"):
        read_transform(path, convention="ras")


@pytest.mark.parametrize("content", [None, "(Transform", "Insight Transform File V1.0\n", '(Transform "Euler'])
@pytest.mark.parametrize("key", ["initial", "File"])
def test_names_of_files_that_another_file_names_are_listed_alone(tmp_path, content, key):
    """A table of failures holds the text of an error, and the name of such a file may be a patient's."""
    folder = tmp_path / "inner"
    folder.mkdir()
    if content is not None:
        (folder / "smith_john.txt").write_text(content)
    if key == "initial":
        path = euler(tmp_path / "a.txt", initial="inner/smith_john.txt")
    else:
        path = tmp_path / "a.txt"
        path.write_text('(Transform "File")\n(TransformFileName "inner/smith_john.txt")\n')
    with pytest.raises(FileFormatError) as caught:
        read_elastix(path)
    assert "smith" not in str(caught.value)
    assert caught.value.listing == "smith_john.txt"


def test_a_bracket_in_a_name_ends_no_parameter(tmp_path, landmarks):
    (tmp_path / "run (1)").mkdir()
    first = read_elastix(euler(tmp_path / "run (1)" / "a (2).txt"))
    path = euler(tmp_path / "b.txt", initial="run (1)/a (2).txt")
    wanted = first.apply(first.apply(landmarks))
    np.testing.assert_allclose(read_elastix(path).apply(landmarks), wanted, atol=1e-9)
    path.write_text(path.read_text().replace('(2).txt"', "(2).txt"))
    with pytest.raises(FileFormatError, match="initial transform beside"):  # a quote is not closed
        read_elastix(path)


@pytest.mark.parametrize("name", ["a" * 5000, "\0", "..", "/dev/null"])
def test_an_initial_transform_that_can_be_no_file(tmp_path, name):
    path = tmp_path / "TransformParameters.0.txt"
    path.write_text(
        '(Transform "TranslationTransform")\n(TransformParameters 1 2 3)\n(HowToCombineTransforms "Compose")\n'
        f'(InitialTransformParameterFileName "{name}")\n'
    )
    with pytest.raises(FileFormatError, match="beside"):
        read_elastix(path)


@pytest.mark.parametrize("line", ["Size = " + "9" * 5000, "Size = " + "[" * 5000])
def test_toml_that_its_parser_cannot_hold(tmp_path, line):
    path = tmp_path / "TransformParameters.0.toml"
    path.write_text(f'Transform = "TranslationTransform"\nTransformParameters = [1, 2, 3]\n{line}\n')
    with pytest.raises(FileFormatError, match="damaged TOML"):
        read_elastix(path)


@pytest.mark.parametrize("number", ["1e308", "1e300", "-1e12"])
def test_parameters_that_overflow_are_refused(tmp_path, number):
    path = tmp_path / "TransformParameters.0.txt"
    for kind, count in (("AffineTransform", 12), ("AffineLogTransform", 12), ("SimilarityTransform", 7)):
        path.write_text(f'(Transform "{kind}")\n(TransformParameters {" ".join([number] * count)})\n')
        with pytest.raises(HeparegError):
            read_elastix(path)
