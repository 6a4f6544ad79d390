"""Five landmarks moved by each tool's own library, on grids of every kind: oblique, anisotropic, either hand, LPS."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.io.nifti import write_nifti
from hepareg.transforms import RigidTransform
from hepareg.volume import Provenance, Volume
from hepareg.workflows.inputs import CheckedPair
from hepareg.workflows.register_outputs import MOVED, write_images, write_transforms

CENTRE = np.array([40.0, -25.0, 310.0])
LPS = np.array([-1, -1, 1])
TOLERANCE_MM = 1e-3


def grid(shape, steps, rotation=(0, 0, 0), offset=(0, 0, 0)):
    matrix = homogeneous(rotation_from_vector(rotation) @ np.diag(steps), [0, 0, 0])
    matrix[:3, 3] = CENTRE + offset - Grid(shape, matrix).centre_mm
    return Grid(shape, matrix)


GRIDS = {
    "ras": (grid((31, 27, 22), (2, 2, 2)), grid((28, 30, 25), (2, 2, 2))),
    "anisotropic lps": (grid((40, 38, 17), (-0.7, -0.7, 5)), grid((30, 33, 40), (-0.9, -0.8, 1.25))),
    "radiological against neurological": (grid((31, 27, 22), (-1.5, 1.5, 3)), grid((29, 31, 18), (1.5, 1.6, 2.5))),
    "oblique": (grid((31, 27, 22), (1.5, 1.2, 3), (0.3, -0.2, 0.5)), grid((28, 30, 20), (1, 1.1, 2), (0.1, 0.4, -0.2))),
    "oblique, left-handed, lps": (
        grid((31, 27, 22), (-1.5, -1.2, -3), (0.3, -0.2, 0.5), (20, 10, -30)),
        grid((28, 30, 20), (-1, 1.1, 2), (-0.2, 0.1, 0.4)),
    ),
    "axes permuted": (
        Grid((22, 31, 27), grid((31, 27, 22), (2, 1.5, 3)).world_from_voxel @ np.eye(4)[:, [1, 2, 0, 3]]),
        grid((28, 30, 25), (-2, -2, 2)),
    ),
}
POSES = {
    "small": RigidTransform.from_vectors([0.02, -0.01, 0.03], [3, -4, 12], centre_mm=CENTRE),
    "follow-up": RigidTransform.from_vectors([0.25, 0.1, -0.22], [60, 40, -90], centre_mm=CENTRE),
}


@pytest.fixture(params=GRIDS, ids=str, scope="module")
def pair(request, tmp_path_factory):
    """Two small images of random voxels, in memory and as files."""
    folder = tmp_path_factory.mktemp("tools")
    volumes = {}
    for seed, (name, where) in enumerate(zip(("moving", "fixed"), GRIDS[request.param], strict=True)):
        voxels = np.random.default_rng(seed).integers(-1000, 1000, where.shape).astype(np.int16)
        write_nifti(folder / f"{name}.nii", Volume(voxels, where))
        volumes[name] = Volume(voxels, where, provenance=Provenance("nifti", None, name))
    return folder, CheckedPair(**volumes)


@pytest.fixture(params=POSES, ids=str)
def written(request, pair, tmp_path):
    pose = POSES[request.param]
    write_transforms(tmp_path, pose, pair[1], centre_mm=CENTRE)
    return tmp_path, pose


@pytest.fixture
def landmarks(pair):
    shape = np.array(pair[1].fixed.shape)
    return pair[1].fixed.grid.world_points(np.random.default_rng(3).uniform(0.2, 0.8, (5, 3)) * (shape - 1))


def test_simpleitk(written, landmarks):
    folder, pose = written
    transform = sitk.ReadTransform(str(folder / "moving_from_fixed.tfm")).Downcast()
    assert transform.GetName() == "VersorRigid3DTransform"
    moved = np.array([transform.TransformPoint((p * LPS).tolist()) for p in landmarks]) * LPS
    assert np.abs(moved - pose.apply(landmarks)).max() < TOLERANCE_MM


def test_antspy(written, landmarks):
    ants = pytest.importorskip("ants")
    folder, pose = written
    transform = ants.read_transform(str(folder / "moving_from_fixed.tfm"))
    moved = np.array([transform.apply_to_point((p * LPS).tolist()) for p in landmarks]) * LPS
    assert np.abs(moved - pose.apply(landmarks)).max() < TOLERANCE_MM


def test_fslpy(written, pair, landmarks):
    image = pytest.importorskip("fsl.data.image")
    from fsl.transform import flirt
    from fsl.transform.affine import transform

    folder, pose = written
    images = [image.Image(str(pair[0] / f"{name}.nii")) for name in ("moving", "fixed")]
    stored = flirt.readFlirt(str(folder / "fixed_from_moving_flirt.mat"))
    moved = transform(pose.apply(landmarks), flirt.fromFlirt(stored, *images, "world", "world"))
    assert np.abs(moved - landmarks).max() < TOLERANCE_MM


def test_surfa(written, pair, landmarks):
    sf = pytest.importorskip("surfa")
    folder, pose = written
    affine = sf.load_affine(str(folder / "fixed_from_moving.lta"))
    moving, fixed = pair[1].moving.grid, pair[1].fixed.grid
    assert np.abs(affine.transform(pose.apply(landmarks)) - landmarks).max() < TOLERANCE_MM
    voxels = affine.convert(space="vox").transform(moving.voxel_points(pose.apply(landmarks)))
    assert np.abs(fixed.world_points(voxels) - landmarks).max() < TOLERANCE_MM


def test_header_only_image_lies_there_for_every_reader(written, pair, landmarks):
    """The voxel that holds a landmark lies at the fixed anatomy for nibabel (both forms) and for ITK."""
    folder, pose = written
    images = write_images(folder, pose, pair[1], moving=pair[0] / "moving.nii")
    assert images.header.sform_mm < 1e-4
    voxels = pair[1].moving.grid.voxel_points(pose.apply(landmarks))
    found = nib.load(folder / MOVED)
    assert np.abs(nib.affines.apply_affine(found.get_sform(), voxels) - landmarks).max() < TOLERANCE_MM
    assert np.abs(nib.affines.apply_affine(found.get_qform(), voxels) - landmarks).max() < TOLERANCE_MM + 2e-2
    image = sitk.ReadImage(str(folder / MOVED))
    by_itk = np.array([image.TransformContinuousIndexToPhysicalPoint(v.tolist()) for v in voxels]) * LPS
    assert np.abs(by_itk - landmarks).max() < TOLERANCE_MM
    assert np.array_equal(np.asarray(found.dataobj), pair[1].moving.data)
