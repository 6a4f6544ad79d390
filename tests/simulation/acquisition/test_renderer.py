"""The truth, checked without the simulator: fiducials placed in the anatomy are found again by another library."""

import itertools

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from hepareg.geometry import Grid
from hepareg.io.nifti import write_nifti
from hepareg.simulation import MotionSettings
from hepareg.simulation.acquisition.renderer import Scene, sample_liver, sample_scene, subsample_offsets
from hepareg.simulation.acquisition.scanner import AcquisitionSettings, acquisition_grid
from hepareg.simulation.anatomy.anatomy import Anatomy
from hepareg.simulation.interpolation import sample_weight
from hepareg.simulation.motion.motion import draw_motion
from hepareg.simulation.motion.sliding import sliding_field
from hepareg.simulation.organ_space import OrganSpace
from hepareg.volume import Volume

SOURCE = Grid((90, 90, 80), np.array([[2.0, 0, 0, -80], [0, 2.0, 0, -120], [0, 0, 2.5, 40], [0, 0, 0, 1]]))
SIGMA_MM = 5.0
FIDUCIALS_MM = SOURCE.world_points([[38, 40, 36], [50, 47, 44], [44, 55, 30]])
ORIENTATIONS = list(itertools.product((False, True), repeat=3))


def liver():
    """A ball of 55 mm around the fiducials, inside a body that stays."""
    i, j, k = np.indices(SOURCE.shape)
    centre = FIDUCIALS_MM.mean(0)
    points = SOURCE.world_points(np.stack([i, j, k], axis=-1))
    return np.linalg.norm(points - centre, axis=-1) < 55, points


def scene_with(fiducial_mm=FIDUCIALS_MM[0], bend_mm=0.0, seed=3):
    mask, points = liver()
    static = np.zeros(SOURCE.shape, dtype=bool)
    static[:4] = static[-4:] = True
    anatomy = Anatomy(SOURCE, mask.astype(np.uint8), mask, static, (), ())
    space = OrganSpace(mask, SOURCE)
    settings = MotionSettings(
        kind="random", translation_mm=(14, 14), rotation_deg=(9, 9), body_translation_mm=(30, 30),
        body_rotation_deg=(6, 6), bend_mm=bend_mm,
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    motion = draw_motion(settings, space=space, in_the_way=anatomy.fraction_static, rng=rng)
    image = 1000 * np.exp(-((points - fiducial_mm) ** 2).sum(-1) / (2 * SIGMA_MM**2)).astype(np.float32)
    field = sliding_field(anatomy, motion, space=space, spacing_mm=3.0)
    scene = Scene(SOURCE, image, mask.view(np.uint8), motion.body.inverse().matrix, field)
    return scene, motion, space, anatomy


def target_grid(motion, space, flips, spacing=(1.9, 2.1, 2.3)):
    settings = AcquisitionSettings(shape=(110, 104, 90), spacing_mm=spacing, oblique_deg=11, flips=flips)
    return acquisition_grid(
        settings, anatomy=SOURCE, pose=motion.body, liver_points=motion.forward(space.points),
        rng=np.random.default_rng(1),
    )  # fmt: skip


def centroid_by_simpleitk(path):
    """Return the image's centre of intensity by SimpleITK's own geometry, in RAS mm."""
    image = sitk.ReadImage(str(path))
    array = sitk.GetArrayFromImage(image).astype(np.float64)
    k, j, i = (np.tensordot(np.indices(array.shape), array, 3) / array.sum()).tolist()
    return np.array(image.TransformContinuousIndexToPhysicalPoint([i, j, k])) * [-1, -1, 1]


@pytest.mark.parametrize("flips", ORIENTATIONS)
def test_fiducials_lie_where_the_truth_sends_them(flips, tmp_path):
    for number, fiducial in enumerate(FIDUCIALS_MM):
        scene, motion, space, _ = scene_with(fiducial)
        grid = target_grid(motion, space, flips)
        image = np.maximum(sample_scene(scene, grid, offsets=np.zeros((1, 3))), 0)  # air outside the body is -1024
        write_nifti(tmp_path / f"{number}.nii", Volume(image, grid))
        found = centroid_by_simpleitk(tmp_path / f"{number}.nii")
        # The bound.
        assert np.linalg.norm(found - motion.truth.apply(fiducial)) < 0.01


def test_body_that_stays_does_not_move():
    _, motion, space, anatomy = scene_with()
    field = sliding_field(anatomy, motion, space=space, spacing_mm=3.0)
    voxels = np.rint(field.grid.voxel_points(SOURCE.world_points(np.argwhere(anatomy.static)))).astype(int)
    voxels = voxels[((voxels >= 0) & (voxels < field.grid.shape)).all(1)]
    assert len(voxels)
    assert field.weight[tuple(voxels.T)].max() < 0.05


def test_truth_is_exact_around_the_liver():
    scene, motion, space, _ = scene_with()
    grid = target_grid(motion, space, (False, True, False))
    moved = sample_liver(scene, grid) > 0.5
    near = ndimage.distance_transform_edt(~moved, sampling=grid.spacing_mm) <= 1.5
    matrix = scene.field.grid.voxel_from_world @ scene.body_inverse @ grid.world_from_voxel
    assert sample_weight(scene.field.weight, matrix, grid.shape)[near].min() > 0.99


def test_thick_slices_average():
    i = np.indices(SOURCE.shape)[2]
    comb = np.where(i % 2 == 0, 100.0, 0.0).astype(np.float32)
    scene = Scene(SOURCE, comb, np.zeros(SOURCE.shape, dtype=np.uint8), np.eye(4), None)
    thick = SOURCE.with_spacing([2.0, 2.0, 10.0])
    offsets = subsample_offsets(thick, SOURCE, None)
    assert len(offsets) == 4
    middle = sample_scene(scene, thick, offsets=offsets)[20:40, 20:40, 3:-3]
    assert np.abs(middle - 50).max() < 1e-3


def test_bent_liver_keeps_its_residual():
    scene, motion, space, _ = scene_with(bend_mm=3.0)
    rest = motion.forward(space.points) - motion.truth.apply(space.points)
    assert np.sqrt((rest**2).sum(1).mean()) == pytest.approx(3.0, rel=0.02)
    back = motion.liver_backward(motion.body.inverse().apply(motion.forward(space.points[::50])))
    assert np.abs(back - space.points[::50]).max() < 1e-3
    grid = target_grid(motion, space, (False, False, True))
    volume = (sample_liver(scene, grid) > 0.5).sum() * grid.voxel_volume_mm3
    # The bend has no divergence; what remains is the second order.
    assert volume == pytest.approx(liver()[0].sum() * SOURCE.voxel_volume_mm3, rel=0.02)
