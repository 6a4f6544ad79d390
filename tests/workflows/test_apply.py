"""Transforms applied to files."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import trimesh

from hepareg.cli.main import main
from hepareg.errors import OutputError, PairError, SettingsError, TransformError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.io.fsl import write_flirt
from hepareg.io.itk_transforms import write_itk_transform
from hepareg.io.landmarks import read_landmarks
from hepareg.io.matrix_text import write_matrix_text
from hepareg.io.nifti import read_nifti, write_nifti
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume
from hepareg.workflows.apply import ApplySettings, apply_to_file

CENTRE, RADIUS = np.array([22.0, -13.0, 410.0]), 16.0
POSE = RigidTransform.from_vectors([0.3, -0.2, 0.4], [14, -9, 11], centre_mm=CENTRE)
FIXED_CENTRE = POSE.inverse().apply(CENTRE)


def grid(shape, spacing, rotation, centre):
    matrix = homogeneous(rotation_from_vector(rotation) @ np.diag(spacing), [0, 0, 0])
    matrix[:3, 3] = centre - Grid(shape, matrix).centre_mm
    return Grid(shape, matrix)


GRIDS = {
    "lps": (
        grid((60, 60, 26), (-1.1, -1.1, 3.0), (0, 0, 0), CENTRE),
        grid((64, 60, 40), (-1, -1, 2), (0, 0, 0), FIXED_CENTRE),
    ),
    "oblique, left-handed": (
        grid((60, 58, 30), (1.1, -1.2, 2.5), (0.2, 0.1, -0.4), CENTRE + 5),
        grid((70, 64, 30), (1.0, 1.1, 2.5), (-0.3, 0.2, 0.1), FIXED_CENTRE - 4),
    ),
}


@pytest.fixture(params=GRIDS, ids=str)
def folder(request, tmp_path):
    """A sphere in the moving world, as image, label map, mesh and landmarks; the fixed grid; the transform."""
    moving, fixed = GRIDS[request.param]
    voxels = np.stack(np.meshgrid(*map(np.arange, moving.shape), indexing="ij"), axis=-1)
    distance = np.linalg.norm(moving.world_points(voxels) - CENTRE, axis=-1)
    hu = np.clip(60 + 160 * (RADIUS - distance) / 4, -100, 60)  # 50 % of the edge lies on the sphere, near -20 HU
    write_nifti(tmp_path / "ct.nii.gz", Volume(np.rint(hu).astype(np.int16), moving))
    write_nifti(
        tmp_path / "labels.nii.gz",
        Volume(np.where(distance < RADIUS, 5, np.where(distance < 20, 2, 0)).astype(np.uint8), moving),
    )
    write_nifti(tmp_path / "fixed.nii.gz", Volume(np.zeros(fixed.shape, np.int16), fixed))
    sphere = trimesh.creation.icosphere(subdivisions=3, radius=RADIUS)
    sphere.apply_translation(CENTRE)
    sphere.export(tmp_path / "sphere.stl")
    (tmp_path / "points.csv").write_text(f"name,x,y,z\nmiddle,{CENTRE[0]},{CENTRE[1]},{CENTRE[2]}\n")
    write_matrix_text(tmp_path / "moving_from_fixed.txt", POSE)
    return tmp_path


def test_one_sphere_moved_both_ways(folder):
    """Pulled as an image and pushed as a mesh, the sphere lands on the same place, which is the fixed one."""
    apply_to_file(
        folder / "moving_from_fixed.txt", folder / "ct.nii.gz", folder / "w.nii.gz", reference=folder / "fixed.nii.gz"
    )
    apply_to_file(folder / "moving_from_fixed.txt", folder / "sphere.stl", folder / "w.stl")
    apply_to_file(folder / "moving_from_fixed.txt", folder / "points.csv", folder / "w.csv")
    mesh, image = trimesh.load(folder / "w.stl"), read_nifti(folder / "w.nii.gz")
    assert np.abs(mesh.vertices.mean(axis=0) - FIXED_CENTRE).max() < 0.01
    assert np.abs(read_landmarks(folder / "w.csv").points - FIXED_CENTRE).max() < 1e-9
    weights = np.clip((image.data.astype(float) + 100) / 160, 0, None)
    weights[image.data == -1024] = 0
    voxels = np.stack(np.meshgrid(*map(np.arange, image.shape), indexing="ij"), axis=-1)
    middle = (weights[..., None] * image.grid.world_points(voxels)).sum((0, 1, 2)) / weights.sum()
    assert np.abs(middle - mesh.vertices.mean(axis=0)).max() < 0.05
    assert np.allclose(np.linalg.norm(mesh.vertices - FIXED_CENTRE, axis=1), RADIUS, atol=1e-3)


def test_label_map_takes_the_nearest_label(folder):
    done = apply_to_file(
        folder / "moving_from_fixed.txt",
        folder / "labels.nii.gz",
        folder / "w.nii.gz",
        reference=folder / "fixed.nii.gz",
    )
    labels = read_nifti(folder / "w.nii.gz")
    assert "label map" in done.line
    assert "nearest" in done.line
    assert labels.data.dtype == np.uint8
    assert set(np.unique(labels.data)) == {0, 2, 5}
    assert np.abs(labels.with_data(labels.data == 5).centroid_mm - FIXED_CENTRE).max() < 0.2
    volume = np.count_nonzero(labels.data == 5) * labels.grid.voxel_volume_mm3
    assert volume == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.03)


def test_there_and_back(folder):
    apply_to_file(folder / "moving_from_fixed.txt", folder / "points.csv", folder / "there.csv")
    apply_to_file(
        folder / "moving_from_fixed.txt",
        folder / "there.csv",
        folder / "back.csv",
        settings=ApplySettings(inverse=True),
    )
    assert np.abs(read_landmarks(folder / "back.csv").points - CENTRE).max() < 1e-9
    apply_to_file(
        folder / "moving_from_fixed.txt",
        folder / "labels.nii.gz",
        folder / "there.nii.gz",
        reference=folder / "fixed.nii.gz",
    )
    apply_to_file(
        folder / "moving_from_fixed.txt",
        folder / "there.nii.gz",
        folder / "back.nii.gz",
        reference=folder / "ct.nii.gz",
        settings=ApplySettings(inverse=True),
    )
    back, before = read_nifti(folder / "back.nii.gz"), read_nifti(folder / "labels.nii.gz")
    assert back.grid.same_as(before.grid)
    assert np.abs(back.with_data(back.data == 5).centroid_mm - CENTRE).max() < 0.3


def test_spaces_of_points_and_of_the_matrix(folder):
    lps = np.array([-1, -1, 1])
    (folder / "lps.csv").write_text("x,y,z\n" + ",".join(map(repr, (CENTRE * lps).tolist())) + "\n")
    write_matrix_text(folder / "moving_from_fixed_lps.txt", POSE, space="lps")
    settings = ApplySettings(space="lps", convention="lps")
    apply_to_file(folder / "moving_from_fixed_lps.txt", folder / "lps.csv", folder / "w.csv", settings=settings)
    assert np.abs(read_landmarks(folder / "w.csv", space="lps").points - FIXED_CENTRE).max() < 1e-9
    assert np.abs(read_landmarks(folder / "w.csv").points - FIXED_CENTRE).max() < 1e-9  # the file says LPS
    assert np.abs(np.loadtxt(folder / "w.csv", delimiter=",", skiprows=2) - FIXED_CENTRE * lps).max() < 1e-9


def test_other_formats_of_the_transform(folder):
    grids = {name: read_nifti(folder / f"{name}.nii.gz").grid for name in ("ct", "fixed")}
    write_itk_transform(folder / "pose.tfm", POSE)
    write_flirt(folder / "pose_flirt.mat", POSE, moving=grids["ct"], fixed=grids["fixed"])
    apply_to_file(folder / "pose.tfm", folder / "points.csv", folder / "itk.csv")
    apply_to_file(
        folder / "pose_flirt.mat",
        folder / "points.csv",
        folder / "fsl.csv",
        reference=folder / "fixed.nii.gz",
        moving=folder / "ct.nii.gz",
    )
    apply_to_file(
        folder / "pose_flirt.mat", folder / "ct.nii.gz", folder / "fsl.nii.gz", reference=folder / "fixed.nii.gz"
    )
    apply_to_file(
        folder / "moving_from_fixed.txt", folder / "ct.nii.gz", folder / "txt.nii.gz", reference=folder / "fixed.nii.gz"
    )
    for name in ("itk", "fsl"):
        assert np.abs(read_landmarks(folder / f"{name}.csv").points - FIXED_CENTRE).max() < 1e-3
    assert (
        np.abs(read_nifti(folder / "fsl.nii.gz").data.astype(int) - read_nifti(folder / "txt.nii.gz").data).max() <= 1
    )


def test_padding_is_stated_and_settable(folder):
    far = RigidTransform.from_vectors([0, 0, 0], [30, 0, 0]) @ POSE
    write_matrix_text(folder / "moving_from_fixed_far.txt", far)
    done = apply_to_file(
        folder / "moving_from_fixed_far.txt",
        folder / "ct.nii.gz",
        folder / "a.nii.gz",
        reference=folder / "fixed.nii.gz",
    )
    assert "background -1024" in done.line
    assert read_nifti(folder / "a.nii.gz").data.min() == -1024
    settings = ApplySettings(background=-2000, interpolation="nearest")
    apply_to_file(
        folder / "moving_from_fixed_far.txt",
        folder / "ct.nii.gz",
        folder / "b.nii.gz",
        reference=folder / "fixed.nii.gz",
        settings=settings,
    )
    assert read_nifti(folder / "b.nii.gz").data.min() == -2000


def test_no_common_place_is_an_error(folder):
    write_matrix_text(folder / "moving_from_fixed_gone.txt", RigidTransform.from_vectors([0, 0, 0], [0, 0, 900]))
    with pytest.raises(PairError, match="no common place"):
        apply_to_file(
            folder / "moving_from_fixed_gone.txt",
            folder / "ct.nii.gz",
            folder / "w.nii.gz",
            reference=folder / "fixed.nii.gz",
        )
    assert not (folder / "w.nii.gz").exists()


def test_wrong_use_is_one_line_and_writes_nothing(folder):
    pose, fixed = folder / "moving_from_fixed.txt", folder / "fixed.nii.gz"
    before = sorted(folder.iterdir())
    for source, output, options, message in [
        ("ct.nii.gz", "w.nii.gz", {}, "expected a reference"),
        ("ct.nii.gz", "w.stl", {"reference": fixed}, "ending in .nii or .nii.gz"),
        ("sphere.stl", "w.nii.gz", {}, "ending in .stl"),
        ("points.csv", "w.csv", {"reference": fixed}, "no image beside points"),
        ("ct.nii.gz", "w.nii.gz", {"reference": fixed, "moving": fixed}, "no moving image"),
    ]:
        with pytest.raises(SettingsError, match=message) as caught:
            apply_to_file(pose, folder / source, folder / output, **options)
        assert "\n" not in str(caught.value)
    with pytest.raises(OutputError, match="existing file"):
        apply_to_file(pose, folder / "points.csv", folder / "ct.nii.gz")
    assert sorted(folder.iterdir()) == before
    apply_to_file(pose, folder / "points.csv", folder / "points.csv", overwrite=True)
    assert np.abs(read_landmarks(folder / "points.csv").points - FIXED_CENTRE).max() < 1e-9


MAPS = {
    "probability": lambda hu: np.clip((hu + 100) / 160, 0, 1).astype(np.float32),
    "overshooting probability": lambda hu: ((hu + 100) / 160 - 1e-3).astype(np.float32),
    "dose": lambda hu: np.clip(hu + 40, 0, None).astype(np.float32),
    "uptake": lambda hu: ((hu + 100) / 10).astype(np.float32),
    "counts": lambda hu: (hu + 100).astype(np.int16) * 37 % 5003,
    "displacement": lambda hu: (hu / 10).astype(np.float32),
}


@pytest.mark.parametrize("name", MAPS)
def test_a_map_has_nothing_outside(folder, name):
    ct = read_nifti(folder / "ct.nii.gz")
    write_nifti(folder / "map.nii.gz", ct.with_data(np.asfortranarray(MAPS[name](ct.data.astype(float)))))
    far = RigidTransform.from_vectors([0, 0, 0], [30, 0, 0]) @ POSE
    write_matrix_text(folder / "moving_from_fixed_far.txt", far)
    done = apply_to_file(
        folder / "moving_from_fixed_far.txt",
        folder / "map.nii.gz",
        folder / "w.nii.gz",
        reference=folder / "fixed.nii.gz",
    )
    assert "background 0" in done.line
    values = read_nifti(folder / "map.nii.gz").data
    assert read_nifti(folder / "w.nii.gz").data.min() >= min(0, values.min())


def test_a_plain_matrix_without_a_word_is_asked_about(folder):
    write_matrix_text(folder / "a.txt", POSE)
    for name, message in (("a.txt", "direction is known"), ("a.mat", "convention is known")):
        write_matrix_text(folder / name, POSE)
        with pytest.raises(SettingsError, match=message):
            apply_to_file(folder / name, folder / "points.csv", folder / "w.csv")
    said = ApplySettings(convention="ras")
    done = apply_to_file(folder / "a.mat", folder / "points.csv", folder / "w.csv", settings=said)
    assert "read as moving_from_fixed in RAS mm" in done.notes[0]
    assert np.abs(read_landmarks(folder / "w.csv").points - FIXED_CENTRE).max() < 1e-9
    write_matrix_text(folder / "b.txt", POSE.inverse())
    said = ApplySettings(direction="fixed_from_moving")
    apply_to_file(folder / "b.txt", folder / "points.csv", folder / "v.csv", settings=said)
    assert np.abs(read_landmarks(folder / "v.csv").points - FIXED_CENTRE).max() < 1e-9


@pytest.mark.parametrize("source", ["ct.mha", "points.csv"])
def test_a_matrix_of_flirt_is_for_nifti_alone(folder, source):
    """FSL's coordinates run along the voxels of NIfTI files; those of another format may be stored in another order."""
    grids = {name: read_nifti(folder / f"{name}.nii.gz").grid for name in ("ct", "fixed")}
    write_flirt(folder / "pose_flirt.mat", POSE, moving=grids["ct"], fixed=grids["fixed"])
    sitk.WriteImage(sitk.ReadImage(str(folder / "ct.nii.gz")), str(folder / "ct.mha"))
    output = folder / ("w.csv" if source == "points.csv" else "w.nii.gz")
    moving = folder / "ct.mha" if source == "points.csv" else None
    with pytest.raises(SettingsError, match="two NIfTI images"):
        apply_to_file(
            folder / "pose_flirt.mat", folder / source, output, reference=folder / "fixed.nii.gz", moving=moving
        )
    assert not output.exists()


MASKS = Path(__file__).parents[1] / "golden" / "masks"
STORED = np.load(MASKS / "masks.npz")


@pytest.fixture
def on_axial(tmp_path):
    """The identity, an image on the grid of the golden masks, and a folder with a file for each of them."""
    grid_of_masks = Grid(STORED["liver"].shape, STORED["axial"])
    write_matrix_text(tmp_path / "moving_from_fixed.txt", RigidTransform.identity())
    write_nifti(tmp_path / "fixed.nii.gz", Volume(np.zeros(grid_of_masks.shape, np.int16), grid_of_masks))
    (tmp_path / "classes").mkdir()
    (tmp_path / "seg").mkdir()
    shutil.copy(MASKS / "axial_binary.dcm", tmp_path / "seg")
    for name in ("liver", "lesion"):
        write_nifti(tmp_path / "classes" / f"{name}.nii.gz", Volume(STORED[name].astype(np.uint8), grid_of_masks))
    return tmp_path


@pytest.mark.parametrize("label", ["lesion", "Lesion", 2])
@pytest.mark.parametrize("kind", ["axial_binary.dcm", "seg", "axial_holes.dcm", "layers.seg.nrrd", "classes"])
def test_one_segment_of_any_source_becomes_a_label_image_on_the_reference(on_axial, kind, label):
    """DICOM SEG alone and in a folder, RTSTRUCT, 3D Slicer's overlapping layers, TotalSegmentator's folder."""
    source = on_axial / kind if kind in ("classes", "seg") else MASKS / kind
    if kind == "classes":
        label = {2: 1}.get(label, label)  # files are numbered in the order of their names
    done = apply_to_file(
        on_axial / "moving_from_fixed.txt",
        source,
        on_axial / "out.nii.gz",
        reference=on_axial / "fixed.nii.gz",
        settings=ApplySettings(mask_label=label),
    )
    assert "label map pulled" in done.line
    out = read_nifti(on_axial / "out.nii.gz")
    assert out.data.dtype == np.uint8
    wrong = np.count_nonzero((out.data == 1) != STORED["lesion"])
    # Contours run through voxel centres and are drawn at 1 mm: voxels of 0.9 mm on the outline may differ.
    assert wrong <= (0.2 * STORED["lesion"].sum() if kind == "axial_holes.dcm" else 0)


@pytest.mark.parametrize("kind", ["axial_binary.dcm", "axial_holes.dcm", "layers.seg.nrrd", "classes"])
def test_several_segments_and_no_choice_is_one_line(on_axial, kind, capsys):
    source = on_axial / kind if kind == "classes" else MASKS / kind
    files = [str(on_axial / "moving_from_fixed.txt"), str(source), "--reference", str(on_axial / "fixed.nii.gz")]
    assert main(["apply", *files, "-o", str(on_axial / "out.nii.gz")]) == 2
    error = capsys.readouterr().err
    assert "2 segments, which may overlap; choose one by its number or name (--mask-label)" in error
    assert "esion" in error
    assert error.count("\n") == 1
    assert not (on_axial / "out.nii.gz").exists()
    assert main(["apply", *files, "-o", str(on_axial / "out.nii.gz"), "--label", "liver", "--quiet"]) == 0
    moved = read_nifti(on_axial / "out.nii.gz").data
    assert np.count_nonzero(moved) == pytest.approx(STORED["liver"].sum(), rel=0.1)


def test_a_mirror_image_is_refused(on_axial):
    """Left and right exchanged in a surgeon's image, without a word, is the worst that apply could do."""
    np.savetxt(on_axial / "mirror_moving_from_fixed.txt", np.diag([-1.0, 1, 1, 1]))
    (on_axial / "points.csv").write_text("x,y,z\n1,2,3\n")
    for source, output in (("points.csv", "out.csv"), ("fixed.nii.gz", "out.nii.gz")):
        with pytest.raises(TransformError, match="mirror image"):
            apply_to_file(
                on_axial / "mirror_moving_from_fixed.txt",
                on_axial / source,
                on_axial / output,
                reference=on_axial / "fixed.nii.gz" if output.endswith(".gz") else None,
            )
        assert not (on_axial / output).exists()


def test_exchanged_inputs_and_a_background_that_is_no_number(on_axial):
    files = on_axial / "fixed.nii.gz", on_axial / "moving_from_fixed.txt"
    with pytest.raises(SettingsError, match="a transform first"):
        apply_to_file(*files, on_axial / "out.nii.gz", reference=on_axial / "fixed.nii.gz")
    with pytest.raises(SettingsError, match="finite number as background"):
        ApplySettings(background=float("nan"))
